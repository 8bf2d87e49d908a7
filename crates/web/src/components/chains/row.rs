//! A row of a timeline: a block as a card, other notifications lighter, missing heights in between.

use std::rc::Rc;

use nexus_protocol::Timestamp;
use yew::{Html, Properties, component, html};

use crate::components::copy_button::CopyButton;
use crate::format;
use crate::state::chains::{Block, Note, NoteKind, Row, heights, shortened};
use crate::state::feed::Moment;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) row: Row,
    /// The server's clock, for ages: in whole tens of seconds, so that rows rest.
    pub(super) now: Moment,
}

/// A row.
#[component]
pub(super) fn RowView(props: &Props) -> Html {
    match &props.row {
        Row::Block(block) => card(block, props.now),
        Row::Note(note) => light(note, props.now),
        Row::Hole { from, to, is_final } => {
            let count = to - from + 1;
            let what = if count == 1 { "Block" } else { "Blocks" };
            let why = if *is_final {
                "could not be fetched from the node."
            } else {
                "did not reach this page."
            };
            html! {
                <li class="gap-line chain-gap" data-testid="chain-gap" data-from={from.to_string()} data-to={to.to_string()}>
                    <strong>{ format!("{what} {} missing", heights(*from, *to)) }</strong>
                    <small>{ format!("{} {why}", if count == 1 { "It" } else { "They" }) }</small>
                </li>
            }
        }
        Row::Reset(mark) => html! {
            <li class="gap-line" data-testid="chain-reset">
                <strong>{ "The chain began anew" }</strong>
                <small>{ format!("{}: what stands below is void.", format::date_and_time(mark.at)) }</small>
            </li>
        },
        Row::Break(mark) => html! {
            <li class="gap-line" data-testid="chain-break">
                <small>{ format!("Notifications after {} may be missing here.", format::time_of_day(mark.at)) }</small>
            </li>
        },
    }
}

fn card(block: &Block, now: Moment) -> Html {
    html! {
        <li class="block" data-testid="block" data-height={block.height.to_string()} data-hash={block.hash.to_string()}>
            <span class="block-height num" data-testid="block-height">{ format::count(block.height) }</span>
            <div class="block-body">
                <p class="block-line">
                    <span class="mono truncate" title={block.hash.to_string()}>{ shortened(&block.hash) }</span>
                    <CopyButton text={block.hash.to_string()} what="block's hash" />
                    if block.is_fetched {
                        <span class="badge" data-testid="block-fetched"
                            title="The node never told of this block; the server fetched it afterwards.">{ "fetched" }</span>
                    }
                    { age(block.at, now) }
                </p>
                if !block.streams.is_empty() {
                    <p class="block-streams"><span class="faint">{ "Events in" }</span>
                        for stream in block.streams.iter().take(8) {
                            <span class="badge mono" title={stream.clone()}><span class="truncate">{ stream }</span></span>
                        }
                        if block.streams.len() > 8 { <span class="faint">{ format!("and {} more", block.streams.len() - 8) }</span> }
                    </p>
                }
            </div>
        </li>
    }
}

fn light(note: &Note, now: Moment) -> Html {
    // A bundle's height is one of the other chain.
    let (own, others) = match note.kind {
        NoteKind::Bundle => (None, note.height),
        NoteKind::Round | NoteKind::Executed | NoteKind::Events | NoteKind::Other => (note.height, None),
    };
    html! {
        <li class="note" data-testid="note" data-kind={note.kind.word()}>
            <span class="note-height num">{ own.map(format::count).unwrap_or_default() }</span>
            <p class="block-line">
                <span class="note-kind">{ note.kind.title() }</span>
                <span class="note-text truncate" title={note.text.to_string()}>
                    <span class="mono">{ shortened(&note.text) }</span>
                    if let Some(height) = others { <span class="faint">{ format!(" at {}", format::count(height)) }</span> }
                </span>
                { age(note.told_at, now) }
            </p>
        </li>
    }
}

fn age(at: Moment, now: Moment) -> Html {
    let millis = now.saturating_sub(at);
    let text = if millis < 10_000 {
        "just now".to_owned()
    } else {
        format!("{} ago", format::span(millis as f64))
    };
    html! {
        <time class="block-age" datetime={Timestamp::from_millis(at).to_string()} title={format::date_and_time(at)}>{ text }</time>
    }
}

/// A row's key.
pub(super) fn key(row: &Row) -> Rc<str> {
    row.key().into()
}
