//! One command and its way: queued, sent, delivered, done.

use std::rc::Rc;

use nexus_protocol::CommandStage;
use yew::{Html, Properties, component, html};

use crate::components::icon::{Glyph, Icon};
use crate::components::json::JsonBlock;
use crate::format;
use crate::state::feed::Moment;
use crate::store::{CommandLife, CommandStep};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) life: Rc<CommandLife>,
    /// By the server's clock.
    pub(super) now: Moment,
    pub(super) is_newest: bool,
}

/// One command.
#[component]
pub(super) fn CommandLine(props: &Props) -> Html {
    let Props { life, now, .. } = props;
    let update = &life.update;
    let is_over = update.status.is_final();
    let ordered_at = update.ordered_at.as_millis();
    let ended_at = life.steps.last().and_then(|(_, at)| *at).filter(|_| is_over);
    let took = ended_at.map(|end| duration(end.saturating_sub(ordered_at)));
    let left = update.expires_at.as_millis().saturating_sub(*now);
    html! {
        <li class="command" data-testid="command" data-command={update.command_id.to_string()}
            data-status={word(update.status)}>
            <details open={props.is_newest || !is_over}>
                <summary>
                    <span class={format!("command-mark command-{}", word(update.status))}><Glyph of={icon(update.status)} /></span>
                    <b class="truncate">{ &update.name }</b>
                    <span class="command-outcome">{ word(update.status) }
                        if let Some(took) = took { { format!(" in {took}") } }
                    </span>
                    <time title={format::date_and_time(ordered_at)}>
                        { format!("{} ago", format::span(now.saturating_sub(ordered_at) as f64)) }
                    </time>
                </summary>
                <Way steps={life.way()} />
                if let Some(error) = &update.error {
                    <p class="command-error" data-testid="command-error">{ error }</p>
                }
                <dl class="command-facts">
                    if let Some(args) = &update.args { <div><dt>{ "Args" }</dt><dd><JsonBlock json={args.clone()} /></dd></div> }
                    if let Some(result) = &update.result {
                        <div data-testid="command-result"><dt>{ "Result" }</dt><dd><JsonBlock json={result.clone()} /></dd></div>
                    }
                    <div><dt>{ "By" }</dt><dd>{ update.by.as_str() }</dd></div>
                    if !is_over {
                        <div><dt>{ "Expires" }</dt><dd title={format::date_and_time(update.expires_at.as_millis())}>
                            { if left > 0 { format!("in {}", format::countdown(left as f64)) } else { "now".to_owned() } }</dd></div>
                    }
                </dl>
            </details>
        </li>
    }
}

#[derive(PartialEq, Properties)]
struct WayProps {
    steps: Vec<CommandStep>,
}

/// The steps, with the time of each and how long it took to come there.
#[component]
fn Way(props: &WayProps) -> Html {
    let begun = props.steps.first().and_then(|step| step.at).unwrap_or_default();
    let when = |place: usize, step: &CommandStep| match step.at {
        None if step.is_reached => "·".to_owned(),
        None => String::new(),
        Some(at) if place == 0 => format::time_of_day(at),
        Some(at) => format!("+{}", duration(at.saturating_sub(begun))),
    };
    html! {
        <ol class="way">
            for (place, step) in props.steps.iter().enumerate() {
                <li data-testid="command-step" data-step={word(step.stage)} data-reached={step.is_reached.to_string()}
                    aria-current={step.is_current.then_some("step")} title={step.at.map(format::date_and_time)}>
                    <span class={format!("way-dot way-{}", word(step.stage))}></span>
                    <span class="way-name">{ word(step.stage) }</span>
                    <small>{ when(place, step) }</small>
                </li>
            }
        </ol>
    }
}

/// A short time, to the millisecond where that matters.
fn duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..10_000 => format!("{:.1} s", millis as f64 / 1_000.0),
        _ => format::span(millis as f64),
    }
}

fn word(stage: CommandStage) -> &'static str {
    match stage {
        CommandStage::Queued => "queued",
        CommandStage::Sent => "sent",
        CommandStage::Delivered => "delivered",
        CommandStage::Done => "done",
        CommandStage::Failed => "failed",
        CommandStage::Expired => "expired",
    }
}

fn icon(stage: CommandStage) -> Icon {
    match stage {
        CommandStage::Queued | CommandStage::Sent | CommandStage::Delivered => Icon::Send,
        CommandStage::Done => Icon::Check,
        CommandStage::Failed => Icon::Warning,
        CommandStage::Expired => Icon::Cross,
    }
}
