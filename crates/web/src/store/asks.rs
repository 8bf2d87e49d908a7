//! Questions that are open, and who waits for what becomes of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use nexus_client::{AskError, AskId};
use nexus_protocol::Reply;

/// What becomes of a question.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum News {
    /// It goes on: what a command does on its way.
    Progress(Reply),
    /// It has its answer, or will never have one. Nothing follows.
    Answer(Result<Reply, AskError>),
}

/// What a person should be told about an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Complaint {
    /// In a few words.
    pub(crate) title: &'static str,
    /// In a sentence.
    pub(crate) text: String,
}

type Listener = Box<dyn Fn(News) -> Option<Complaint>>;

/// The open questions. The session bounds how many there are: one more is answered as full.
#[derive(Default)]
pub(super) struct Asks {
    open: RefCell<HashMap<AskId, std::rc::Rc<Listener>>>,
    next: Cell<u64>,
}

impl Asks {
    /// A new question, with who waits for it.
    pub(super) fn open(&self, listener: impl Fn(News) -> Option<Complaint> + 'static) -> AskId {
        let id = AskId(self.next.replace(self.next.get() + 1));
        self.open
            .borrow_mut()
            .insert(id, std::rc::Rc::new(Box::new(listener)));
        id
    }

    /// A question goes on.
    pub(super) fn handle_progress(&self, id: AskId, reply: Reply) -> Option<Complaint> {
        let listener = self.open.borrow().get(&id).cloned()?;
        listener(News::Progress(reply))
    }

    /// A question ends.
    pub(super) fn handle_answer(&self, id: AskId, result: Result<Reply, AskError>) -> Option<Complaint> {
        let listener = self.open.borrow_mut().remove(&id)?;
        listener(News::Answer(result))
    }

    /// Nobody will answer what is open: the session that was asked is gone.
    pub(super) fn end(&self) {
        let open = self.open.take();
        for listener in open.into_values() {
            listener(News::Answer(Err(AskError::Stopped)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn news_reach_who_asked_until_the_answer_and_never_again() {
        let asks = Asks::default();
        let heard: Rc<RefCell<Vec<News>>> = Rc::default();
        let ask = || {
            let heard = heard.clone();
            asks.open(move |news| {
                heard.borrow_mut().push(news);
                None
            })
        };
        let (first, second) = (ask(), ask());
        assert_ne!(first, second);
        asks.handle_progress(first, Reply::Pong);
        asks.handle_answer(first, Err(AskError::TimedOut));
        asks.handle_answer(first, Ok(Reply::Pong));
        asks.handle_progress(first, Reply::Pong);
        assert_eq!(
            heard.take(),
            [News::Progress(Reply::Pong), News::Answer(Err(AskError::TimedOut))]
        );
        asks.end();
        assert_eq!(heard.take(), [News::Answer(Err(AskError::Stopped))]);
    }

    #[test]
    fn who_hears_an_answer_may_ask_again() {
        let asks = Rc::new(Asks::default());
        let again = asks.clone();
        let id = asks.open(move |_| {
            again.open(|_| None);
            None
        });
        asks.handle_answer(id, Ok(Reply::Pong));
        assert_eq!(asks.open.borrow().len(), 1);
    }
}
