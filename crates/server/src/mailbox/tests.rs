//! A mailbox keeps the order, lets go of publications alone, holds publishers back while it is crowded, and loses no wake-up.

use std::sync::mpsc;
use std::task::{Context, Poll as Ready, Wake, Waker};
use std::thread;

use mio::{Events, Poll};
use nexus_protocol::{ChannelName, FeedState, Offset, Params, Timestamp};
use tokio::time::Instant;

use super::*;
use crate::content::Content;
use crate::encoded::TopicHead;

/// Nothing that is due takes longer; reaching it fails the test.
const DEADLINE: Duration = Duration::from_secs(20);

impl Mailbox {
    /// Lets go of what was posted last, if it is a publication, as if there had been no room for it. Says whether it was.
    pub(crate) fn lose_last(&self) -> bool {
        let lost = self.forget_last();
        if lost {
            self.lock().note_overrun();
            self.wake();
        }
        lost
    }

    /// The same, and nobody is told.
    pub(crate) fn forget_last(&self) -> bool {
        let mut waiting = self.lock();
        let Some(Parcel::Publication(_)) = waiting.parcels.back() else {
            return false;
        };
        if let Some(Parcel::Publication(publication)) = waiting.parcels.pop_back() {
            waiting.bytes -= publication.frame.len() + ENTRY_BYTES;
        }
        true
    }
}

fn a_mailbox(crowd: &Arc<Crowd>) -> (Poll, Mailbox) {
    let poll = Poll::new().unwrap();
    let mailbox = Mailbox::new(waker(&poll).unwrap(), Arc::clone(crowd));
    (poll, mailbox)
}

fn topic() -> Topic {
    let name = ChannelName::parse("room:a").unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}

fn publication(offset: u64, bytes: usize) -> Parcel {
    let head = Arc::new(TopicHead::of(&topic()));
    let text = format!("\"{}\"", "x".repeat(bytes));
    let content = Content::Whole(text.into());
    let time = Timestamp::from_millis(1_700_000_000_000);
    Parcel::Publication(Arc::new(Publication::new(&head, Offset(offset), time, content)))
}

fn status() -> Parcel {
    let time = Timestamp::from_millis(1_700_000_000_000);
    Parcel::Status(topic(), Arc::new(ChannelStatus::new(FeedState::Live, time)))
}

fn shown(post: &Post) -> Vec<String> {
    let one = |parcel: &Parcel| match parcel {
        Parcel::Publication(publication) => publication.offset.0.to_string(),
        Parcel::Status(..) => "status".to_owned(),
        Parcel::Left(seat) => format!("left {seat}"),
        Parcel::Overran => "overran".to_owned(),
        other => panic!("{other:?}"),
    };
    post.parcels.iter().map(one).collect()
}

/// Posts large publications until there is no room for another, and says how many went in.
fn fill(mailbox: &Mailbox) -> u64 {
    let large = match publication(1, 1 << 20) {
        Parcel::Publication(publication) => publication,
        other => panic!("{other:?}"),
    };
    let fit = MOST_BYTES / (large.frame.len() + ENTRY_BYTES);
    for _ in 0..fit {
        mailbox.post(Parcel::Publication(Arc::clone(&large)));
    }
    fit as u64
}

#[test]
fn the_order_is_kept_and_a_turn_takes_what_its_budget_allows() {
    let (_poll, mailbox) = a_mailbox(&Arc::default());
    for parcel in [
        publication(1, 10),
        status(),
        publication(2, 10),
        Parcel::Left(7),
        publication(3, 10),
    ] {
        mailbox.post(parcel);
    }
    let one = mailbox.take(Post::default(), 1);
    assert_eq!(shown(&one), ["1"]);
    assert!(one.bytes > ENTRY_BYTES);
    let cost = one.bytes;
    let nothing = mailbox.take(one, 0);
    assert!(shown(&nothing).is_empty(), "a turn that is over takes nothing");
    let more = mailbox.take(nothing, cost + 1);
    assert_eq!(shown(&more), ["status", "2", "left 7", "3"]);
    let rest = mailbox.take(more, usize::MAX);
    assert!(rest.parcels.is_empty() && rest.bytes == 0 && mailbox.lock().bytes == 0);

    for seat in 0..MOST_PARCELS as u64 + 3 {
        mailbox.post(Parcel::Left(seat));
    }
    let most = mailbox.take(Post::default(), usize::MAX);
    assert_eq!(most.parcels.len(), MOST_PARCELS);
    assert_eq!(
        shown(&mailbox.take(most, usize::MAX)),
        ["left 1024", "left 1025", "left 1026"]
    );
}

#[test]
fn connections_that_have_something_to_do_are_named_in_any_turn() {
    let (_poll, mailbox) = a_mailbox(&Arc::default());
    let connection = ConnId {
        slot: 3,
        generation: 1,
    };
    mailbox.wake_connection(connection);
    let post = mailbox.take(Post::default(), 0);
    assert_eq!(post.wakes, [connection]);
    assert!(mailbox.take(post, 0).wakes.is_empty());
}

#[test]
fn beyond_the_bound_publications_alone_are_let_go_and_it_is_told_where() {
    let (_poll, mailbox) = a_mailbox(&Arc::default());
    let fit = fill(&mailbox);
    mailbox.post(Parcel::Left(1));
    for offset in [2, 3] {
        mailbox.post(publication(offset, 1 << 20));
    }
    mailbox.post(Parcel::Left(2));
    mailbox.post(publication(4, 1 << 20));
    mailbox.post(status());
    assert!(!mailbox.may_sleep());
    let mut all = Vec::new();
    let mut post = Post::default();
    let mut turns = 0;
    loop {
        post = mailbox.take(post, MOST_BYTES / 4);
        if post.parcels.is_empty() {
            break;
        }
        turns += 1;
        all.extend(shown(&post));
    }
    assert!(turns > 3);
    assert_eq!(all.len() as u64, fit + 5);
    assert_eq!(
        all[fit as usize..],
        ["left 1", "overran", "left 2", "overran", "status"]
    );
    mailbox.post(publication(5, 10));
    assert_eq!(shown(&mailbox.take(post, usize::MAX)), ["5"]);
    assert!(mailbox.may_sleep());
}

#[test]
fn publishers_wait_while_a_mailbox_is_crowded_and_go_on_when_none_is() {
    let crowd = Arc::new(Crowd::default());
    let (_poll, first) = a_mailbox(&crowd);
    let (_other, second) = a_mailbox(&crowd);
    let mut context = Context::from_waker(Waker::noop());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let _inside = runtime.enter();

    let mut free = Box::pin(crowd.disperses());
    assert_eq!(free.as_mut().poll(&mut context), Ready::Ready(()));
    first.post(publication(1, CROWDED_BYTES - 2 * ENTRY_BYTES - 200));
    assert_eq!(
        crowd.mailboxes.load(Ordering::Relaxed),
        0,
        "as much as it may hold"
    );
    for mailbox in [&first, &second] {
        mailbox.post(publication(2, CROWDED_BYTES));
        mailbox.post(publication(3, 10));
    }
    assert_eq!(crowd.mailboxes.load(Ordering::Relaxed), 2);
    let mut held = Box::pin(crowd.disperses());
    assert_eq!(held.as_mut().poll(&mut context), Ready::Pending);
    let post = first.take(Post::default(), 1);
    assert_eq!(
        crowd.mailboxes.load(Ordering::Relaxed),
        2,
        "more than half is left"
    );
    let post = first.take(post, 1);
    let post = second.take(post, 1);
    assert_eq!(crowd.mailboxes.load(Ordering::Relaxed), 0);
    assert_eq!(held.as_mut().poll(&mut context), Ready::Ready(()));

    second.take(post, usize::MAX);
    second.post(publication(4, CROWDED_BYTES));
    let begun = Instant::now();
    runtime.block_on(crowd.disperses());
    assert_eq!(begun.elapsed().as_secs(), CROWD_DEADLINE.as_secs());
    drop(second);
    assert_eq!(
        crowd.mailboxes.load(Ordering::Relaxed),
        0,
        "who is gone holds up nobody"
    );
}

/// A connection of the very shard that empties the mailbox waits for the crowd to disperse.
struct Waits(std::sync::Weak<Mailbox>);

impl Wake for Waits {
    fn wake(self: Arc<Self>) {
        if let Some(mailbox) = self.0.upgrade() {
            mailbox.wake_connection(ConnId {
                slot: 9,
                generation: 0,
            });
        }
    }
}

#[test]
fn who_waits_for_the_crowd_may_be_woken_through_the_mailbox_that_was_crowded() {
    let crowd = Arc::new(Crowd::default());
    let (_poll, mailbox) = a_mailbox(&crowd);
    let mailbox = Arc::new(mailbox);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    mailbox.post(publication(1, CROWDED_BYTES));
    let waker = Waker::from(Arc::new(Waits(Arc::downgrade(&mailbox))));
    let mut held = Box::pin(crowd.disperses());
    assert_eq!(
        held.as_mut().poll(&mut Context::from_waker(&waker)),
        Ready::Pending
    );
    let post = mailbox.take(Post::default(), usize::MAX);
    assert_eq!(mailbox.take(post, usize::MAX).wakes.len(), 1);
    assert_eq!(
        held.as_mut().poll(&mut Context::from_waker(&waker)),
        Ready::Ready(())
    );
}

/// A poster who posts as soon as what it posted before was taken, and one who sleeps whenever nothing waits.
#[test]
fn a_shard_that_may_sleep_is_woken_by_whatever_comes() {
    const ROUNDS: u64 = 20_000;
    let (mut poll, mailbox) = a_mailbox(&Arc::default());
    let mailbox = Arc::new(mailbox);
    let (taken, was_taken) = mpsc::channel();
    let posting = Arc::clone(&mailbox);
    let poster = thread::spawn(move || {
        for round in 0..ROUNDS {
            match round % 3 {
                0 => posting.post(Parcel::Left(round)),
                1 => posting.post(publication(round, 1)),
                _ => posting.wake_connection(ConnId {
                    slot: 0,
                    generation: 0,
                }),
            }
            // What lies between two posts is long and short by turns.
            for _ in 0..round % 64 {
                std::hint::spin_loop();
            }
            if was_taken.recv_timeout(DEADLINE).is_err() {
                return round;
            }
        }
        ROUNDS
    });
    let mut events = Events::with_capacity(4);
    let (mut post, mut got, mut slept) = (Post::default(), 0, 0);
    while got < ROUNDS {
        let sleeps = mailbox.may_sleep();
        let longest = if sleeps { DEADLINE } else { Duration::ZERO };
        poll.poll(&mut events, Some(longest)).unwrap();
        mailbox.woke_up();
        assert!(
            !sleeps || !events.is_empty(),
            "nobody woke it after {got} of {ROUNDS}"
        );
        slept += u64::from(sleeps);
        post = mailbox.take(post, usize::MAX);
        for _ in 0..post.parcels.len() + post.wakes.len() {
            got += 1;
            taken.send(()).unwrap();
        }
    }
    assert_eq!(poster.join().unwrap(), ROUNDS);
    assert!(slept > 0, "it never slept: nothing was shown");
}
