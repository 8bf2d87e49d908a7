//! Commands to the chosen device: sending one, and what became of those before.

use nexus_protocol::{DeviceId, Topic};
use yew::{Html, Properties, component, html};

use super::command_form::CommandForm;
use super::command_line::CommandLine;
use crate::components::panel::Panel;
use crate::hooks::{use_calm, use_clock, use_freshness, use_link, use_store};
use crate::state::feed::Freshness;

/// Commands that are shown.
const SHOWN: usize = 50;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) id: Option<DeviceId>,
}

/// The commands.
#[component]
pub(crate) fn CommandPanel(props: &Props) -> Html {
    let has_device = props.id.is_some();
    let title = props
        .id
        .as_ref()
        .map_or("Commands".to_owned(), |id| format!("Commands to {id}"));
    html! {
        <Panel name="commands" {title} topic={Some(Topic::Commands)} has_content={has_device} tells_itself={has_device}
            nothing={("No device chosen".into(), "Choose one in the list.".into())}>
            if let Some(id) = props.id.clone() {
                <div class="commands panel-body-scroll">
                    <CommandForm key={id.as_str().to_owned()} id={id.clone()} />
                    <Log {id} />
                </div>
            }
        </Panel>
    }
}

#[derive(PartialEq, Properties)]
struct LogProps {
    id: DeviceId,
}

/// What became of the commands before.
#[component]
fn Log(props: &LogProps) -> Html {
    let store = use_store();
    use_calm(store.commands());
    let now = store.server_time(use_clock(1_000));
    let freshness = use_freshness(Some(&Topic::Commands));
    let is_signed_in = use_link().identity.is_some();
    let lives: Vec<_> = store
        .commands()
        .read(|log| log.to(&props.id).take(SHOWN).cloned().collect());
    html! {
        <section class="command-log" aria-label="Commands before">
            <h3>{ "Log" }</h3>
            if let (Freshness::Failed(why) | Freshness::Barred(why), true) = (&freshness, is_signed_in) {
                <p class="faint">{ format!("Only what is sent from here is shown: {why}") }</p>
            }
            if lives.is_empty() {
                <p class="faint">{ "No command to this device yet." }</p>
            } else {
                <ol>
                    for (place, life) in lives.into_iter().enumerate() {
                        <CommandLine key={life.update.command_id.as_str().to_owned()} life={life.clone()} {now} is_newest={place == 0} />
                    }
                </ol>
            }
        </section>
    }
}
