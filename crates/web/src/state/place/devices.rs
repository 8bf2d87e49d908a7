//! Where one is in the Devices view: `/devices/boiler-7?m=temperature_c&tab=command&f=online&s=seen&q=boil`.

use std::rc::Rc;

use nexus_protocol::DeviceId;

use super::query::{UrlText, fields, word_of};

/// Where one is in the Devices view.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Devices {
    /// The chosen device; the view chooses if there is none.
    pub(crate) device: Option<DeviceId>,
    /// The metric of the large chart; the view chooses if there is none.
    pub(crate) metric: Option<Rc<str>>,
    /// Which pane a phone shows.
    pub(crate) pane: DevicePane,
    /// Which devices are listed.
    pub(crate) shown: DeviceFilter,
    /// In which order.
    pub(crate) sort: DeviceSort,
    /// What is searched.
    pub(crate) query: Rc<str>,
}

/// A pane of the Devices view; on a phone there is one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DevicePane {
    /// The list of devices.
    List,
    /// Values and their course.
    Values,
    /// Sending commands, and what became of them.
    Commands,
}

/// Which devices are listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum DeviceFilter {
    /// All of them.
    All,
    /// Those that are connected.
    Online,
    /// Those that are connected and silent.
    Stale,
    /// Those that are not connected.
    Offline,
}

/// In which order devices are listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum DeviceSort {
    /// By name.
    Name,
    /// What needs a look comes first: stale, offline, online.
    State,
    /// Whoever reported last comes first.
    Seen,
}

impl DevicePane {
    /// Every pane, in the order of the tab bar.
    pub(crate) const ALL: [DevicePane; 3] = [DevicePane::List, DevicePane::Values, DevicePane::Commands];

    /// The word in the URL and in `data-pane`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            DevicePane::List => "list",
            DevicePane::Values => "values",
            DevicePane::Commands => "commands",
        }
    }
}

impl DeviceFilter {
    /// Every choice, in the order of the buttons.
    pub(crate) const ALL: [DeviceFilter; 4] = [
        DeviceFilter::All,
        DeviceFilter::Online,
        DeviceFilter::Stale,
        DeviceFilter::Offline,
    ];

    /// The word in the URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            DeviceFilter::All => "all",
            DeviceFilter::Online => "online",
            DeviceFilter::Stale => "stale",
            DeviceFilter::Offline => "offline",
        }
    }
}

impl DeviceSort {
    /// Every order.
    pub(crate) const ALL: [DeviceSort; 3] = [DeviceSort::Name, DeviceSort::State, DeviceSort::Seen];

    /// The word in the URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            DeviceSort::Name => "name",
            DeviceSort::State => "state",
            DeviceSort::Seen => "seen",
        }
    }
}

impl Default for Devices {
    fn default() -> Self {
        Devices {
            device: None,
            metric: None,
            pane: DevicePane::List,
            shown: DeviceFilter::All,
            sort: DeviceSort::Name,
            query: "".into(),
        }
    }
}

impl Devices {
    /// Reads what follows `/devices` and the query. What the query has wrong is left out.
    pub(super) fn parse(path: Option<&str>, query: &str) -> Option<Self> {
        let mut devices = Devices {
            device: path.map(DeviceId::parse).transpose().ok()?,
            ..Devices::default()
        };
        for (name, value) in fields(query) {
            match name {
                "m" => devices.metric = Some(value.into()),
                "tab" => {
                    devices.pane = word_of(DevicePane::ALL, DevicePane::word, &value).unwrap_or(devices.pane)
                }
                "f" => {
                    devices.shown =
                        word_of(DeviceFilter::ALL, DeviceFilter::word, &value).unwrap_or(devices.shown)
                }
                "s" => {
                    devices.sort = word_of(DeviceSort::ALL, DeviceSort::word, &value).unwrap_or(devices.sort)
                }
                "q" => devices.query = value.into(),
                _ => {}
            }
        }
        Some(devices)
    }

    /// The URL: path and query, defaults left out.
    pub(crate) fn url(&self) -> String {
        let default = Devices::default();
        UrlText::new("/devices")
            .segment(self.device.as_ref().map(DeviceId::as_str))
            .text("m", self.metric.as_deref().unwrap_or_default())
            .field("tab", self.pane.word(), self.pane != default.pane)
            .field("f", self.shown.word(), self.shown != default.shown)
            .field("s", self.sort.word(), self.sort != default.sort)
            .text("q", &self.query)
            .done()
    }
}
