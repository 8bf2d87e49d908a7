//! The order of the devices in their list: filtered, sorted, and held still while someone points at it.

use std::cmp::Reverse;
use std::rc::Rc;

use nexus_protocol::DeviceId;

use super::device::DeviceState;
use super::feed::Moment;
use super::order::{closeness, held};
use super::place::{DeviceFilter, DeviceSort, Devices};

/// The order is made anew at most so often, in milliseconds.
const PACE: Moment = 2_000;

/// The order of the rows, and what it was made from.
#[derive(Default)]
pub(crate) struct Roster {
    ids: Rc<Vec<DeviceId>>,
    choices: Option<Choices>,
    known: usize,
    made_at: Moment,
    is_held: bool,
}

/// What decides which rows there are, and where.
#[derive(Clone, PartialEq, Debug)]
struct Choices {
    shown: DeviceFilter,
    sort: DeviceSort,
    query: Rc<str>,
}

/// What a row is sorted by.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    /// Whose row it is.
    pub(crate) id: DeviceId,
    /// How the device is.
    pub(crate) state: DeviceState,
    /// When it reported last.
    pub(crate) seen_at: Option<Moment>,
}

impl Roster {
    /// Makes the order anew where the choices are others, or where it is time. While someone points at it, rows stay
    /// where they are. `entries` are all `known` devices.
    pub(crate) fn renew(
        &mut self,
        entries: impl Iterator<Item = Entry>,
        known: usize,
        here: &Devices,
        is_touched: bool,
        now: Moment,
    ) {
        let choices = Choices {
            shown: here.shown,
            sort: here.sort,
            query: here.query.clone(),
        };
        let is_another_choice = self.choices.as_ref() != Some(&choices);
        if !is_another_choice && known == self.known && now.saturating_sub(self.made_at) < PACE {
            return;
        }
        let fresh = arranged(entries, &choices);
        let is_kept = is_touched && !is_another_choice;
        let ids = if is_kept {
            held(&self.ids, &fresh)
        } else {
            fresh.clone()
        };
        self.is_held = is_kept && ids != fresh;
        if ids != *self.ids {
            self.ids = Rc::new(ids);
        }
        (self.choices, self.known, self.made_at) = (Some(choices), known, now);
    }

    /// The rows in their order.
    pub(crate) fn ids(&self) -> Rc<Vec<DeviceId>> {
        self.ids.clone()
    }

    /// Whether the rows would stand otherwise if nobody pointed at them.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held
    }
}

fn arranged(entries: impl Iterator<Item = Entry>, choices: &Choices) -> Vec<DeviceId> {
    let query = choices.query.trim().to_lowercase();
    let mut shown: Vec<(u8, Entry)> = entries
        .filter(|entry| choices.shown.shows(entry.state))
        .filter_map(|entry| Some((closeness(entry.id.as_str(), &query)?, entry)))
        .collect();
    match choices.sort {
        // Devices come by name.
        DeviceSort::Name => shown.sort_by_key(|(closeness, _)| *closeness),
        DeviceSort::State => shown.sort_by_key(|(closeness, entry)| (*closeness, entry.state)),
        DeviceSort::Seen => shown.sort_by_key(|(closeness, entry)| (*closeness, Reverse(entry.seen_at))),
    }
    shown.into_iter().map(|(_, entry)| entry.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        use DeviceState::{Offline, Online, Stale};
        [
            ("boiler", Online, Some(30)),
            ("door", Offline, Some(10)),
            ("lamp", Stale, Some(20)),
            ("pump", Online, Some(40)),
            ("quiet", Offline, None),
        ]
        .map(|(name, state, seen_at)| Entry {
            id: DeviceId::parse(name).unwrap(),
            state,
            seen_at,
        })
        .into()
    }

    fn names(roster: &Roster) -> String {
        roster
            .ids()
            .iter()
            .map(DeviceId::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn renew(roster: &mut Roster, entries: Vec<Entry>, here: &Devices, is_touched: bool, now: Moment) {
        let known = entries.len();
        roster.renew(entries.into_iter(), known, here, is_touched, now);
    }

    #[test]
    fn devices_are_filtered_searched_and_sorted() {
        for (sort, shown, query, expected) in [
            (
                DeviceSort::Name,
                DeviceFilter::All,
                "",
                "boiler door lamp pump quiet",
            ),
            (
                DeviceSort::State,
                DeviceFilter::All,
                "",
                "lamp door quiet boiler pump",
            ),
            (
                DeviceSort::Seen,
                DeviceFilter::All,
                "",
                "pump boiler lamp door quiet",
            ),
            (DeviceSort::Name, DeviceFilter::Offline, "", "door quiet"),
            (DeviceSort::Name, DeviceFilter::All, "p", "pump lamp"),
            (DeviceSort::Name, DeviceFilter::Online, "zz", ""),
        ] {
            let here = Devices {
                sort,
                shown,
                query: query.into(),
                ..Devices::default()
            };
            let mut roster = Roster::default();
            renew(&mut roster, entries(), &here, false, 0);
            assert_eq!(names(&roster), expected, "{sort:?} {shown:?} {query}");
        }
    }

    #[test]
    fn rows_do_not_move_under_the_pointer() {
        let here = Devices {
            sort: DeviceSort::Seen,
            ..Devices::default()
        };
        let mut roster = Roster::default();
        renew(&mut roster, entries(), &here, false, 0);
        let mut later = entries();
        later[1].seen_at = Some(90);
        renew(&mut roster, later.clone(), &here, true, 5_000);
        assert_eq!(
            (names(&roster).as_str(), roster.is_held()),
            ("pump boiler lamp door quiet", true)
        );
        renew(&mut roster, later.clone(), &here, false, 5_500);
        assert!(names(&roster).starts_with("pump"), "not yet");
        renew(&mut roster, later, &here, false, 8_000);
        assert_eq!(
            (names(&roster).as_str(), roster.is_held()),
            ("door pump boiler lamp quiet", false)
        );
    }
}
