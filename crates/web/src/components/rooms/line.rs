//! A line of a room: a message, a coming or going, a gap, a day, the mark of what is unread.

use std::rc::Rc;

use nexus_protocol::Timestamp;
use yew::{Html, Properties, classes, component, html};

use super::members::{hue, initial};
use crate::format;
use crate::state::feed::Moment;
use crate::state::rooms::{Gap, Line, Message, Said, Turn, listed};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) line: Line,
    /// Who one is.
    pub(super) me: Option<Rc<str>>,
}

/// A line.
#[component]
pub(super) fn LineView(props: &Props) -> Html {
    match &props.line {
        Line::Day(at) => html! { <li class="talk-day"><span>{ format::day_name(*at) }</span></li> },
        Line::Unread => {
            html! { <li class="talk-unread" data-testid="unread-mark"><span>{ "New" }</span></li> }
        }
        Line::Message { message, leads } => said(message, *leads, props.me.as_deref()),
        Line::Notice { at, who, turn, .. } => html! {
            <li class="talk-notice" data-testid="notice" title={format::date_and_time(*at)}>
                { format!("{} {}", listed(who), match turn { Turn::Joined => "joined", Turn::Left => "left" }) }
                <span class="faint">{ format::hours_and_minutes(*at) }</span>
            </li>
        },
        Line::Gap(gap) => html! { <GapLine gap={gap.clone()} /> },
    }
}

fn said(message: &Message, leads: bool, me: Option<&str>) -> Html {
    let from = message.from.as_deref();
    let is_own = from.is_some() && from == me;
    let name = from.unwrap_or("Server");
    html! {
        <li class={classes!("message", leads.then_some("message-leads"), is_own.then_some("message-own"))}
            data-testid="message" data-from={name.to_owned()} data-own={is_own.then_some("true")}
            data-offset={message.offset.map(|offset| offset.to_string())}>
            if leads {
                { lead(name, is_own, message.at) }
            } else {
                <span class="message-minute"><Time at={message.at} is_short=true /></span>
                <span class="visually-hidden">{ name }</span>
            }
            { words(&message.said) }
        </li>
    }
}

/// Who speaks, and when.
pub(super) fn lead(name: &str, is_own: bool, at: Moment) -> Html {
    html! {
        <>
            <span class="avatar" style={hue(name)} aria-hidden="true">{ initial(name) }</span>
            <p class="message-head">
                <span class="message-from">{ name }</span>
                if is_own { <span class="badge">{ "you" }</span> }
                <Time at={at} is_short=true />
            </p>
        </>
    }
}

/// What was said.
pub(super) fn words(said: &Said) -> Html {
    match said {
        Said::Text(text) => html! { <p class="message-text" data-testid="message-text">{ &**text }</p> },
        Said::Code(text) => html! {
            <pre class="message-code" data-testid="message-code" tabindex="0"><code>{ &**text }</code></pre>
        },
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct TimeProps {
    pub(super) at: Moment,
    #[prop_or_default]
    pub(super) is_short: bool,
}

/// A time of day, with everything else on hover.
#[component]
pub(super) fn Time(props: &TimeProps) -> Html {
    let at = props.at;
    html! {
        <time datetime={Timestamp::from_millis(at).to_string()} title={format::date_and_time(at)}>
            { if props.is_short { format::hours_and_minutes(at) } else { format::time_of_day(at) } }
        </time>
    }
}

#[derive(PartialEq, Properties)]
struct GapProps {
    gap: Rc<Gap>,
}

#[component]
fn GapLine(props: &GapProps) -> Html {
    let Gap { from, to, .. } = *props.gap;
    // Times of two days would be read as those of one.
    let is_one_day = to.is_none_or(|to| format::day_number(from) == format::day_number(to));
    let moment = if is_one_day {
        format::time_of_day
    } else {
        format::date_and_time
    };
    let told = match to {
        Some(to) if to == from => format!("Messages after {} may be missing", moment(from)),
        Some(to) => format!("Messages between {} and {} are missing", moment(from), moment(to)),
        None => format!("Looking for messages after {}", moment(from)),
    };
    html! {
        <li class="gap-line" data-testid="room-gap" data-from={from.to_string()} data-to={to.map(|to| to.to_string())}>
            { told }
        </li>
    }
}
