//! Who is in a room, and since when.

use nexus_protocol::Timestamp;
use yew::{Html, Properties, component, html};

use crate::format;
use crate::hooks::{use_clock, use_link, use_live, use_store};
use crate::state::feed::Moment;
use crate::state::rooms::RoomName;
use crate::store::Room;

/// The most names that are listed.
const LISTED: usize = 200;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) name: RoomName,
}

/// The members.
#[component]
pub(super) fn Members(props: &Props) -> Html {
    let store = use_store();
    let link = use_link();
    let room = store.room(&props.name);
    use_live(&room);
    let now = use_clock(15_000);
    let server_now = store.server_time(now);
    let me = link.identity.as_ref().map(|identity| identity.user.clone());
    let (members, typing) = room.read(|room: &Room| (room.members().map(<[_]>::to_vec), room.typing(now)));
    let is_old = !link.is_up();
    html! {
        <aside class={if is_old { "panel pane-members is-stale" } else { "panel pane-members" }} id="members"
            data-testid="members" aria-labelledby="members-title">
            <header class="panel-head"><h2 class="panel-title" id="members-title">{ "Members" }</h2>
                if let Some(members) = &members { <span class="count">{ members.len() }</span> }
            </header>
            <ul class="panel-body panel-body-scroll member-list" tabindex="0" aria-label="Members">
                for member in members.iter().flatten().take(LISTED) {
                    <li class="member" key={&*member.user} data-testid="member" data-user={member.user.to_string()}>
                        <span class="avatar" style={hue(&member.user)} aria-hidden="true">{ initial(&member.user) }</span>
                        <span class="member-name truncate" title={member.user.to_string()}>{ &*member.user }</span>
                        if me.as_ref() == Some(&member.user) { <span class="badge">{ "you" }</span> }
                        if typing.contains(&member.user) { <span class="member-typing">{ "typing" }</span> }
                        <Since at={member.since} {server_now} />
                    </li>
                }
                if members.as_ref().is_some_and(|members| members.len() > LISTED) {
                    <li class="member faint">{ format!("and {} more", members.map_or(0, |all| all.len() - LISTED)) }</li>
                }
            </ul>
        </aside>
    }
}

#[derive(PartialEq, Properties)]
struct SinceProps {
    at: Moment,
    server_now: Moment,
}

#[component]
fn Since(props: &SinceProps) -> Html {
    let SinceProps { at, server_now } = *props;
    let age = server_now.saturating_sub(at);
    html! {
        <time class="member-since" datetime={Timestamp::from_millis(at).to_string()}
            title={format!("Here since {}", format::date_and_time(at))}>
            { if age < 60_000 { "now".to_owned() } else { format::span(age as f64) } }
        </time>
    }
}

/// The first letter of a name.
pub(super) fn initial(name: &str) -> String {
    name.chars()
        .next()
        .map(|letter| letter.to_uppercase().collect())
        .unwrap_or_default()
}

/// A hue that always is the same for a name.
pub(super) fn hue(name: &str) -> String {
    let sum = name.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    format!("--hue: {}", sum % 360)
}
