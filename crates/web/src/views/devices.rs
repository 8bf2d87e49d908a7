//! The Devices view: the devices, what one measures, and commands to it.

use nexus_protocol::{DeviceId, Topic};
use web_sys::KeyboardEvent;
use yew::{Callback, Html, component, html};

use crate::browser;
use crate::components::{CommandPanel, DeviceListPanel, Icon, SeriesPanel, TabBar, ValuesPanel, use_device};
use crate::hooks::{use_hotkeys, use_place, use_selected, use_store, use_timeout, use_topic};
use crate::state::place::{DevicePane, Devices};

/// A device that was not chosen, but stood first for so long, stands in the address as if it were, in milliseconds.
const PINNED_AFTER: u32 = 1_000;

/// The Devices view.
#[component]
pub(crate) fn DevicesView() -> Html {
    let places = use_place::<Devices>();
    let store = use_store();
    use_topic(Some(Topic::Telemetry));
    use_topic(Some(Topic::Commands));
    // Without a choice in the address, the first of the list; and it stays when another one comes before it.
    let first = use_selected(store.fleet(), (), |fleet, ()| {
        let mut devices = fleet.devices();
        devices.next().map(|device| device.id.clone())
    });
    let chosen: Option<DeviceId> = places.here.device.clone().or(first);
    // By then the snapshots of all have come.
    use_timeout(chosen.clone(), PINNED_AFTER, {
        let (places, chosen) = (places.clone(), chosen.clone());
        Callback::from(move |()| {
            if places.here.device.is_none() {
                places.adjust(|place| place.device = chosen.clone());
            }
        })
    });
    use_device(chosen.clone());
    // A metric that this device does not have is no choice for it.
    let metric = use_selected(
        store.fleet(),
        (chosen.clone(), places.here.metric.clone()),
        |fleet, (id, metric)| {
            let metrics = &fleet.of(id.as_ref()?)?.metrics;
            let named = metric.as_ref().filter(|name| metrics.contains_key(*name));
            named.or_else(|| metrics.keys().next()).cloned()
        },
    );
    use_hotkeys({
        let places = places.clone();
        Callback::from(move |event: KeyboardEvent| {
            let is_search = event.key() == "/";
            if is_search {
                places.adjust(|place| place.pane = DevicePane::List);
                if let Some(search) = browser::find("[data-testid=device-search]") {
                    browser::focus(&search);
                }
            }
            is_search
        })
    });
    let on_choose = {
        let places = places.clone();
        Callback::from(move |word: &str| {
            if let Some(pane) = DevicePane::ALL.into_iter().find(|pane| pane.word() == word) {
                places.adjust(|place| place.pane = pane);
            }
        })
    };
    browser::set_title(
        &chosen
            .as_ref()
            .map_or("Devices · Nexus".to_owned(), |id| format!("{id} · Nexus")),
    );
    let panes = DevicePane::ALL.map(|pane| (pane.word(), icon(pane), label(pane)));
    html! {
        <>
            <main class="view-devices" id="main" tabindex="-1" data-pane={places.here.pane.word()}>
                <h1 class="visually-hidden">{ "Devices" }</h1>
                <DeviceListPanel />
                <ValuesPanel id={chosen.clone()} metric={metric.clone()} />
                if let Some((id, metric)) = chosen.clone().zip(metric) {
                    <SeriesPanel {id} {metric} />
                } else {
                    <section class="panel pane-series" aria-hidden="true"></section>
                }
                <CommandPanel id={chosen} />
            </main>
            <TabBar panes={panes.to_vec()} chosen={places.here.pane.word()} {on_choose} />
        </>
    }
}

fn icon(pane: DevicePane) -> Icon {
    match pane {
        DevicePane::List => Icon::List,
        DevicePane::Values => Icon::Pulse,
        DevicePane::Commands => Icon::Send,
    }
}

fn label(pane: DevicePane) -> &'static str {
    match pane {
        DevicePane::List => "Devices",
        DevicePane::Values => "Values",
        DevicePane::Commands => "Commands",
    }
}
