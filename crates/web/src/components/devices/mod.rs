//! Devices: the list of them, what one measures, and commands to it.

mod command_form;
mod command_line;
mod command_panel;
mod confirm;
mod head;
mod list;
mod list_panel;
mod row;
mod series_panel;
mod tiles;
mod values_panel;
mod welcome;

use nexus_protocol::DeviceId;
use yew::{hook, use_effect_with};

use crate::hooks::use_store;

pub(crate) use command_panel::CommandPanel;
pub(crate) use list_panel::DeviceListPanel;
pub(crate) use series_panel::SeriesPanel;
pub(crate) use values_panel::ValuesPanel;

/// Keeps the course of a device from mounting to unmounting.
#[hook]
pub(crate) fn use_device(id: Option<DeviceId>) {
    let store = use_store();
    use_effect_with((store, id), |(store, id)| {
        if let Some(id) = id {
            store.open_device(id);
        }
        let (store, id) = (store.clone(), id.clone());
        move || {
            if let Some(id) = id {
                store.close_device(&id);
            }
        }
    });
}
