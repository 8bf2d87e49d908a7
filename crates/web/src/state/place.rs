//! Where one is: what the URL holds, so that a link shows a colleague the same thing. Each view reads its own part.

mod activity;
mod chains;
mod devices;
mod markets;
mod query;
mod rooms;

pub(crate) use activity::{Activity, ActivityPane, TaskFilter};
pub(crate) use chains::Chains;
pub(crate) use devices::{DeviceFilter, DevicePane, DeviceSort, Devices};
pub(crate) use markets::{Markets, Pane};
pub(crate) use rooms::Rooms;

/// Where one is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Place {
    /// The Markets view.
    Markets(Markets),
    /// The Devices view.
    Devices(Devices),
    /// The Activity view.
    Activity(Activity),
    /// The Chains view.
    Chains(Chains),
    /// The Rooms view.
    Rooms(Rooms),
    /// Nothing lives at this path.
    Nowhere,
}

/// A view, as the navigation offers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    /// Prices, candles, books, trades, accounts.
    Markets,
    /// Devices, what they measure, and commands to them.
    Devices,
    /// Tasks, texts that are being written, events.
    Activity,
    /// Blocks and notifications.
    Chains,
    /// Rooms and who is in them.
    Rooms,
}

impl View {
    /// Every view, in the order of the navigation.
    pub(crate) const ALL: [View; 5] = [
        View::Markets,
        View::Devices,
        View::Activity,
        View::Chains,
        View::Rooms,
    ];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            View::Markets => "Markets",
            View::Devices => "Devices",
            View::Activity => "Activity",
            View::Chains => "Chains",
            View::Rooms => "Rooms",
        }
    }

    /// Where it begins.
    pub(crate) fn path(self) -> &'static str {
        match self {
            View::Markets => "/markets",
            View::Devices => "/devices",
            View::Activity => "/activity",
            View::Chains => "/chains",
            View::Rooms => "/rooms",
        }
    }
}

impl Place {
    /// Reads path and query. What the query has wrong is left out; a path that means nothing is nowhere.
    pub(crate) fn parse(path: &str, query: &str) -> Self {
        let path = if path.trim_end_matches('/').is_empty() {
            View::Markets.path()
        } else {
            path
        };
        let found = View::ALL.into_iter().find_map(|view| {
            let rest = query::behind(path, view.path())?;
            let rest = rest.as_deref();
            match view {
                View::Markets => Markets::parse(rest, query).map(Place::Markets),
                View::Devices => Devices::parse(rest, query).map(Place::Devices),
                View::Activity => Activity::parse(rest, query).map(Place::Activity),
                View::Chains => Chains::parse(rest, query).map(Place::Chains),
                View::Rooms => Rooms::parse(rest, query).map(Place::Rooms),
            }
        });
        found.unwrap_or(Place::Nowhere)
    }

    /// Which view lives here.
    pub(crate) fn view(&self) -> Option<View> {
        match self {
            Place::Markets(_) => Some(View::Markets),
            Place::Devices(_) => Some(View::Devices),
            Place::Activity(_) => Some(View::Activity),
            Place::Chains(_) => Some(View::Chains),
            Place::Rooms(_) => Some(View::Rooms),
            Place::Nowhere => None,
        }
    }

    /// The URL: path and query, defaults left out.
    pub(crate) fn url(&self) -> String {
        match self {
            Place::Markets(markets) => markets.url(),
            Place::Devices(devices) => devices.url(),
            Place::Activity(activity) => activity.url(),
            Place::Chains(chains) => chains.url(),
            Place::Rooms(rooms) => rooms.url(),
            Place::Nowhere => View::Markets.path().to_owned(),
        }
    }
}

macro_rules! is_a_place {
    ($($place:ident)*) => {
        $(impl From<$place> for Place {
            fn from(place: $place) -> Self {
                Place::$place(place)
            }
        })*
    };
}

is_a_place!(Markets Devices Activity Chains Rooms);

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_protocol::{ChainId, DeviceId};

    fn parse(url: &str) -> Place {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        Place::parse(path, query)
    }

    #[test]
    fn every_place_has_a_url_that_leads_back() {
        let device = Devices {
            device: Some(DeviceId::parse("hall/3").unwrap()),
            metric: Some("temperature_c".into()),
            pane: DevicePane::Commands,
            shown: DeviceFilter::Stale,
            sort: DeviceSort::Seen,
            query: "ha ll".into(),
        };
        let activity = Activity {
            pane: ActivityPane::Streams,
            tasks: TaskFilter::Failed,
            task_query: "a&b".into(),
            stream_query: "c".into(),
            event_query: "d=e".into(),
        };
        let chains = Chains {
            chain: Some(ChainId::parse("e476").unwrap()),
            query: "block".into(),
            ..Chains::default()
        };
        let rooms = Rooms {
            room: Some("lobby".into()),
        };
        for (place, url) in [
            (Place::Devices(Devices::default()), "/devices"),
            (
                Place::Devices(device),
                "/devices/hall%2F3?m=temperature_c&tab=commands&f=stale&s=seen&q=ha%20ll",
            ),
            (Place::Activity(Activity::default()), "/activity"),
            (
                Place::Activity(activity),
                "/activity?tab=ai&tf=failed&tq=a%26b&aq=c&eq=d%3De",
            ),
            (Place::Chains(Chains::default()), "/chains"),
            (Place::Chains(chains), "/chains/e476?q=block"),
            (Place::Rooms(Rooms::default()), "/rooms"),
            (Place::Rooms(rooms), "/rooms/lobby"),
        ] {
            assert_eq!(place.url(), url);
            assert_eq!(parse(url), place);
        }
    }

    #[test]
    fn each_view_lives_where_the_navigation_leads() {
        for view in View::ALL {
            assert_eq!(parse(view.path()).view(), Some(view));
            assert_eq!(parse(&format!("{}/", view.path())).view(), Some(view));
        }
        for url in [
            "/device",
            "/devicesx",
            "/devices/a%20b",
            "/activity/x",
            "/chains/a b",
        ] {
            assert_eq!(parse(url), Place::Nowhere, "{url}");
        }
    }
}
