//! What is told once and then goes away.

use std::rc::Rc;

use yew::Reducible;

/// The most that stand at a time; the oldest goes first.
const MOST: usize = 4;

/// What stands now, newest last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Toasts {
    /// The toasts.
    pub(crate) shown: Vec<Toast>,
    next: u32,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Toast {
    /// Its name among the others.
    pub(crate) id: u32,
    /// How it is meant.
    pub(crate) tone: Tone,
    /// What happened.
    pub(crate) title: Rc<str>,
    /// More about it.
    pub(crate) text: Rc<str>,
}

/// How a message is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    /// All is well again.
    Ok,
    /// Something is not as it should be, and it goes on.
    Warn,
    /// Something must be done.
    Bad,
}

/// What can happen to the messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ToastsAction {
    /// One more.
    Tell(Tone, Rc<str>, Rc<str>),
    /// One is read or has stood long enough.
    Dismiss(u32),
}

impl Tone {
    /// The value of `data-tone`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Tone::Ok => "ok",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
        }
    }
}

impl Reducible for Toasts {
    type Action = ToastsAction;

    fn reduce(self: Rc<Self>, action: ToastsAction) -> Rc<Self> {
        let mut next = Toasts::clone(&self);
        match action {
            ToastsAction::Tell(tone, title, text) => {
                // The same thing said again replaces what was said.
                next.shown
                    .retain(|toast| toast.title != title || toast.text != text);
                next.shown.push(Toast {
                    id: next.next,
                    tone,
                    title,
                    text,
                });
                next.next = next.next.wrapping_add(1);
                let excess = next.shown.len().saturating_sub(MOST);
                next.shown.drain(..excess);
            }
            ToastsAction::Dismiss(id) => next.shown.retain(|toast| toast.id != id),
        }
        if next == *self { self } else { Rc::new(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(titles: &[&str]) -> Rc<Toasts> {
        titles.iter().fold(Rc::default(), |toasts: Rc<Toasts>, title| {
            toasts.reduce(ToastsAction::Tell(Tone::Ok, (*title).into(), "".into()))
        })
    }

    fn titles(toasts: &Toasts) -> Vec<&str> {
        toasts.shown.iter().map(|toast| &*toast.title).collect()
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        assert_eq!(titles(&told(&["a", "b", "c", "d", "e"])), ["b", "c", "d", "e"]);
    }

    #[test]
    fn the_same_thing_stands_once() {
        assert_eq!(titles(&told(&["a", "b", "a"])), ["b", "a"]);
    }

    #[test]
    fn only_the_dismissed_one_goes() {
        let toasts = told(&["a", "b"]);
        let id = toasts.shown[0].id;
        let toasts = toasts.reduce(ToastsAction::Dismiss(id));
        assert_eq!(titles(&toasts), ["b"]);
        assert!(Rc::ptr_eq(
            &toasts,
            &toasts.clone().reduce(ToastsAction::Dismiss(id))
        ));
    }
}
