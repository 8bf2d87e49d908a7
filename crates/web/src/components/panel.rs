//! The frame of a panel, and which of its faces it shows: content, skeleton, nothing there, or what is wrong.

use nexus_client::Wish;
use nexus_protocol::{Subscribe, Topic};
use yew::{AttrValue, Callback, Children, Html, Properties, component, html, use_context};

use super::dialogs::{Dialog, OpenDialog};
use super::icon::{Glyph, Icon};
use crate::format;
use crate::hooks::{use_clock, use_freshness, use_link, use_store};
use crate::state::face::{Face, Remedy};
use crate::state::feed::{Freshness, Moment};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    /// `watch` gives the class `pane-watch`, the id `watch-title` and the test id `panel-watch`.
    pub(crate) name: &'static str,
    /// What the panel is; its heading unless `head` stands there.
    pub(crate) title: AttrValue,
    /// Stands in place of the heading.
    #[prop_or_default]
    pub(crate) head: Html,
    /// Stands at the end of the head.
    #[prop_or_default]
    pub(crate) tools: Html,
    #[prop_or_default]
    pub(crate) foot: Html,
    /// What the panel's freshness is the freshness of.
    pub(crate) topic: Option<Topic>,
    /// Whether there is something to show.
    pub(crate) has_content: bool,
    /// What it means if there is nothing: a title and a sentence.
    pub(crate) nothing: (AttrValue, AttrValue),
    /// Whether it says what is wrong with the link; one panel does for all.
    #[prop_or_default]
    pub(crate) speaks_for_link: bool,
    /// Stands above the panel, not clipped by its body.
    #[prop_or_default]
    pub(crate) float: Html,
    /// Whether the content itself shows that it is loading, or that there is none.
    #[prop_or_default]
    pub(crate) tells_itself: bool,
    /// What a refusal means, in a few words, where "This cannot be shown" is not it.
    #[prop_or_default]
    pub(crate) refused: Option<AttrValue>,
    /// What asking again does, where it is not to subscribe.
    #[prop_or_default]
    pub(crate) on_ask_again: Option<Callback<()>>,
    #[prop_or_default]
    pub(crate) children: Children,
}

/// A panel.
#[component]
pub(crate) fn Panel(props: &Props) -> Html {
    let link = use_link();
    let store = use_store();
    let open_dialog = use_context::<OpenDialog>();
    let freshness = use_freshness(props.topic.as_ref());
    let face = Face::of(&freshness, &link, props.has_content);
    let face = if props.speaks_for_link {
        face
    } else {
        face.leaving_the_link_to_others()
    };
    let heading = format!("{}-title", props.name);

    let on_remedy = {
        let (topic, wants) = (props.topic.clone(), store.wants().clone());
        let on_ask_again = props.on_ask_again.clone();
        move |remedy: Remedy| {
            let (topic, wants, open_dialog) = (topic.clone(), wants.clone(), open_dialog.clone());
            let on_ask_again = on_ask_again.clone();
            Callback::from(move |_| match remedy {
                Remedy::Reconnect => wants.wish(Wish::ReconnectNow),
                Remedy::SignIn | Remedy::ChangeToken => {
                    open_dialog.iter().for_each(|open| open.emit(Dialog::SignIn))
                }
                Remedy::AskAgain => match &on_ask_again {
                    Some(on_ask_again) => on_ask_again.emit(()),
                    None => topic
                        .iter()
                        .for_each(|topic| wants.wish(Wish::Subscribe(Subscribe::to(topic.clone())))),
                },
            })
        }
    };
    let body = match &face {
        Face::Skeleton | Face::Nothing if props.tells_itself => {
            html! { for child in props.children.iter() { {child} } }
        }
        Face::Content | Face::Dimmed => html! { for child in props.children.iter() { {child} } },
        Face::Skeleton => html! { <div class="skeleton-rows" aria-hidden="true"></div> },
        Face::Waiting(text) => html! { <div class="panel-message"><p>{ *text }</p></div> },
        Face::Nothing => html! {
            <div class="panel-message">
                <Glyph of={Icon::List} /><h3>{ &props.nothing.0 }</h3><p>{ &props.nothing.1 }</p>
            </div>
        },
        Face::Trouble { title, text, remedy } => html! {
            <div class="panel-message" role="alert">
                <Glyph of={Icon::Warning} />
                <h3>{ props.refused.clone().filter(|_| matches!(remedy, Some(Remedy::AskAgain | Remedy::ChangeToken))).unwrap_or(title.clone().into()) }</h3>
                <p>{ text }</p>
                if let Some(remedy) = *remedy {
                    <button class="button button-small" onclick={on_remedy(remedy)}>{ remedy.label() }</button>
                }
            </div>
        },
    };
    html! {
        <section class={format!("panel pane-{}", props.name)} data-testid={format!("panel-{}", props.name)}
            data-state={face.word()} data-freshness={freshness.word()} aria-labelledby={heading.clone()}
            aria-busy={(face == Face::Skeleton).then_some("true")}>
            <header class="panel-head">
                <h2 class={if props.head == Html::default() { "panel-title" } else { "visually-hidden" }} id={heading}>
                    { &props.title }
                </h2>
                { props.head.clone() }
                if face == Face::Dimmed {
                    <Notice freshness={freshness.clone()} />
                }
                if props.tools != Html::default() {
                    <div class="panel-tools">{ props.tools.clone() }</div>
                }
            </header>
            <div class="panel-body">{ body }</div>
            { props.float.clone() }
            if props.foot != Html::default() {
                <footer class="panel-foot">{ props.foot.clone() }</footer>
            }
        </section>
    }
}

#[derive(PartialEq, Properties)]
struct NoticeProps {
    freshness: Freshness,
}

/// Says in words what the dimming says in looks.
#[component]
fn Notice(props: &NoticeProps) -> Html {
    let now: Moment = use_clock(1_000);
    let (text, reason) = match &props.freshness {
        Freshness::Stale { since, reason } => (
            format!("Stale {}", format::span(now.saturating_sub(*since) as f64)),
            reason.clone(),
        ),
        Freshness::Down { since, reason } => (
            format!("Source down {}", format::span(now.saturating_sub(*since) as f64)),
            reason.clone(),
        ),
        Freshness::Failed(reason) | Freshness::Barred(reason) => ("Refused".to_owned(), Some(reason.clone())),
        Freshness::Loading | Freshness::Quiet | Freshness::Live | Freshness::Resyncing => {
            ("Resyncing".to_owned(), None)
        }
    };
    html! { <p class="panel-notice" title={reason}>{ text }</p> }
}
