//! What was published, what a subscriber wants and has heard, and what it must have heard by then.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What was published on a topic, and how its source was.
#[derive(Default)]
pub(super) struct Past {
    /// The key and the value of each publication.
    pub(super) publications: Vec<(u64, u64)>,
    /// After which publication each status was set.
    pub(super) statuses: Vec<u64>,
    /// Whether shards may miss a publication without being told.
    pub(super) may_forget: bool,
}

/// What a subscription wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wants {
    pub(super) is_latest: bool,
    pub(super) by_key: bool,
    pub(super) throttle: u64,
    /// Only values that are no less.
    pub(super) from: u64,
}

/// What a subscriber knows of a topic.
pub(super) struct Subscription {
    pub(super) wants: Wants,
    pub(super) position: u64,
    /// The last status that it was told.
    pub(super) status: Option<u64>,
    /// The newest of each key that it got, and since when it has been listening by this key.
    pub(super) newest: BTreeMap<u64, u64>,
    pub(super) since: u64,
    /// What is declared as missing.
    pub(super) missing: Vec<(u64, u64)>,
}

/// What is counted over all.
#[derive(Default, Debug)]
pub(super) struct Counts {
    pub(super) pushes: u64,
    pub(super) conflated: u64,
    pub(super) snapshots: u64,
    pub(super) gaps: u64,
    pub(super) statuses: u64,
    pub(super) ends: u64,
    pub(super) members: usize,
}

impl Past {
    pub(super) fn last(&self) -> u64 {
        self.publications.len() as u64
    }

    /// How many publications behind one offset, up to another, pass.
    pub(super) fn passing(&self, wants: Wants, after: u64, to: u64) -> u64 {
        let range = after as usize..(to as usize).max(after as usize);
        let passing = |it: &&(u64, u64)| it.1 >= wants.from;
        self.publications[range].iter().filter(passing).count() as u64
    }
}

impl Subscription {
    pub(super) fn hear_push(&mut self, past: &Past, push: &Value, counts: &mut Counts) {
        let offset = push["offset"].as_u64().unwrap();
        let conflated = push["conflated"].as_u64().unwrap_or_default();
        let at = self.position;
        assert!(
            offset > at && offset <= past.last(),
            "behind {at} came {}",
            short(push)
        );
        counts.pushes += 1;
        if push["snapshot"] == true {
            assert!(self.wants.is_latest && !self.wants.by_key, "{push}");
            counts.snapshots += 1;
        } else {
            let passing = past.passing(self.wants, at, offset);
            assert_eq!(passing, conflated + 1, "{:?} behind {at}: {push}", self.wants);
            counts.conflated += conflated;
            assert!(self.wants.is_latest || conflated == 0, "every one comes: {push}");
        }
        let (key, value) = past.publications[offset as usize - 1];
        if push["snapshot"] != true || push["payload"]["n"].as_u64() == Some(offset) {
            assert_eq!(
                (&push["payload"]["k"], &push["payload"]["v"]),
                (&json!(key), &json!(value))
            );
        }
        assert!(
            push["payload"]["v"].as_u64().unwrap() >= self.wants.from,
            "{push}"
        );
        self.newest.insert(key, offset);
        self.position = offset;
    }

    pub(super) fn hear_status(&mut self, past: &Past, push: &Value, counts: &mut Counts) {
        let status = &push["payload"];
        if status["gap"]["kind"] == "publications" {
            counts.gaps += 1;
            let missed = status["gap"]["missed"].as_u64().unwrap();
            let stands = status["gap"]["offset"].as_u64().unwrap();
            assert!(
                stands >= self.position && stands <= past.last() && missed > 0,
                "{push}"
            );
            // What did not pass counts in it, and may have been passed over before.
            let begun = stands - missed;
            assert_eq!(
                past.passing(self.wants, self.position, begun.max(self.position)),
                0,
                "{push}"
            );
            self.missing.push((begun, stands));
            self.position = stands;
            return;
        }
        let Some(number) = number_of(status) else {
            return;
        };
        counts.statuses += 1;
        assert!(
            self.status.is_none_or(|before| before <= number),
            "an older status: {push}"
        );
        self.status = Some(number);
        let set_at = past.statuses[number as usize];
        // Where a publication was forgotten, nobody knows yet that the status is behind it.
        if !self.wants.is_latest && !past.may_forget {
            let before = past.passing(self.wants, self.position, set_at);
            assert_eq!(
                before, 0,
                "at {} a status overtook what was said at {set_at}: {push}",
                self.position
            );
        }
    }

    /// Everything is quiet, and everything was read.
    pub(super) fn assert_complete(&self, past: &Past) {
        let lacks = past.passing(self.wants, self.position, past.last());
        assert_eq!(
            lacks,
            0,
            "{:?} ends at {} of {}",
            self.wants,
            self.position,
            past.last()
        );
        let set = past.statuses.len().checked_sub(1).map(|last| last as u64);
        assert_eq!(self.status, set, "the last status");
        if !self.wants.by_key {
            return;
        }
        let mut newest = BTreeMap::new();
        for (offset, (key, value)) in (1..).zip(&past.publications) {
            if *value >= self.wants.from && offset > self.since {
                newest.insert(*key, offset);
            }
        }
        newest.retain(|_, offset| {
            !self
                .missing
                .iter()
                .any(|(begun, end)| *offset > *begun && *offset <= *end)
        });
        for (key, offset) in newest {
            assert_eq!(self.newest.get(&key), Some(&offset), "the newest of key {key}");
        }
    }
}

/// A message without its ballast.
pub(super) fn short(message: &Value) -> String {
    let mut message = message.clone();
    if let Some(pad) = message.pointer_mut("/payload/pad") {
        *pad = Value::Null;
    }
    message.as_object_mut().unwrap().remove("timestamp");
    message.to_string()
}

pub(super) fn number_of(status: &Value) -> Option<u64> {
    status["reason"].as_str()?.strip_prefix('s')?.parse().ok()
}
