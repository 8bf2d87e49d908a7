//! What the chosen device measured last.

use nexus_protocol::{DeviceId, Topic};
use yew::{Html, Properties, component, html};

use super::head::DeviceHead;
use super::tiles::Tiles;
use crate::components::panel::Panel;
use crate::hooks::{use_selected, use_store};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) id: Option<DeviceId>,
    /// The metric of the chart.
    pub(crate) metric: Option<std::rc::Rc<str>>,
}

/// The values.
#[component]
pub(crate) fn ValuesPanel(props: &Props) -> Html {
    let store = use_store();
    let has_values = use_selected(store.fleet(), props.id.clone(), |fleet, id| {
        let device = id.as_ref().and_then(|id| fleet.of(id));
        device.is_some_and(|device| !device.metrics.is_empty())
    });
    let head = props
        .id
        .clone()
        .map_or_else(Html::default, |id| html! { <DeviceHead {id} /> });
    let nothing = match props.id {
        Some(_) => (
            "No values yet".into(),
            "They appear with the device's first report.".into(),
        ),
        None => ("No device chosen".into(), "Choose one in the list.".into()),
    };
    html! {
        <Panel name="values" title="Values" {head} topic={Some(Topic::Telemetry)} has_content={has_values} {nothing}>
            if let Some(id) = props.id.clone() {
                <Tiles {id} metric={props.metric.clone()} />
            }
        </Panel>
    }
}
