//! Blocks in order, or named as missing: case by case, and in thousands of simulated hours from printed seeds.

use std::collections::VecDeque;

use super::*;
use crate::feeds::linera::wire::answers::Tip;

fn at(secs: u64) -> Moment {
    Moment::START + Duration::from_secs(secs)
}

fn hash(life: u64, height: u64) -> String {
    format!("{life:032x}{height:032x}")
}

fn block(life: u64, height: u64) -> Block {
    Block {
        height,
        hash: hash(life, height),
        previous: height.checked_sub(1).map(|before| hash(life, before)),
        timestamp_us: Some(height),
        event_streams: Vec::new(),
    }
}

fn told(life: u64, height: u64) -> Block {
    Block {
        previous: None,
        timestamp_us: None,
        ..block(life, height)
    }
}

/// A look at a chain that ends below `top`, with all blocks that were asked for.
fn survey(series: &Series, life: u64, top: u64, asked: Moment) -> Survey {
    let question = series.question(asked);
    let tip = Tip {
        block_hash: top.checked_sub(1).map(|last| hash(life, last)),
        next_block_height: top,
    };
    let blocks = (question.floor(&tip)..top)
        .map(|height| block(life, height))
        .collect();
    Survey {
        question,
        tip,
        blocks,
        flaw: None,
    }
}

/// Heights of blocks (told as they are, fetched with `f`), gaps and resets, as text.
fn shown(steps: &[Step]) -> Vec<String> {
    let one = |step: &Step| match step {
        Step::Publish(ChainUpdate::NewBlock { height, fetched, .. }) => {
            format!("{height}{}", if *fetched { "f" } else { "" })
        }
        Step::Publish(other) => panic!("{other:?}"),
        Step::Gap(from, to) => format!("gap {from}-{to}"),
        Step::Reset(tip) => format!("reset {tip:?}"),
    };
    steps.iter().map(one).collect()
}

fn begun(life: u64, top: u64) -> Series {
    let mut series = Series::default();
    let first = survey(&series, life, top, at(0));
    series.handle_survey(first, at(0));
    series.take_wish();
    series
}

#[test]
fn a_history_begins_with_the_last_blocks() {
    let mut series = Series::default();
    assert!(!series.is_whole());
    assert!(series.handle_block(told(0, 43), at(0)).is_empty(), "it waits");
    let first = survey(&series, 0, 43, at(0));
    let steps = shown(&series.handle_survey(first, at(1)));
    assert_eq!(steps.len(), 20);
    assert_eq!((steps[0].as_str(), steps[19].as_str()), ("23f", "42f"));
    assert!(series.is_whole());

    let mut fresh = Series::default();
    let first = survey(&fresh, 0, 0, at(0));
    assert!(fresh.handle_survey(first, at(0)).is_empty());
    assert!(fresh.is_whole());
    assert_eq!(shown(&fresh.handle_block(told(0, 0), at(1))), ["0"]);
}

#[test]
fn what_continues_goes_through_and_repeats_do_not() {
    let mut series = begun(0, 10);
    assert_eq!(shown(&series.handle_block(told(0, 10), at(1))), ["10"]);
    assert!(series.handle_block(told(0, 10), at(1)).is_empty());
    assert!(series.handle_block(told(0, 9), at(1)).is_empty());
    assert!(!series.take_wish(), "repeats are nothing to wonder about");
    assert_eq!(shown(&series.handle_block(told(0, 11), at(1))), ["11"]);
}

#[test]
fn a_jump_waits_for_what_lies_between() {
    let mut series = begun(0, 10);
    assert!(series.handle_block(told(0, 13), at(1)).is_empty());
    assert!(series.take_wish() && !series.is_whole());
    let look = survey(&series, 0, 14, at(1) + Duration::from_millis(1));
    assert_eq!(
        shown(&series.handle_survey(look, at(2))),
        ["10f", "11f", "12f", "13"]
    );
    assert!(series.is_whole() && series.next_wake().is_none());
}

#[test]
fn blocks_that_nobody_told_of_are_found_by_a_look() {
    let mut series = begun(0, 10);
    let look = survey(&series, 0, 12, at(30));
    assert_eq!(shown(&series.handle_survey(look, at(31))), ["10f", "11f"]);
}

#[test]
fn too_many_missing_are_named_and_the_latest_fetched() {
    let mut series = begun(0, 10);
    let look = survey(&series, 0, 1_000, at(30));
    let steps = shown(&series.handle_survey(look, at(31)));
    assert_eq!(steps[0], "gap 10-799");
    assert_eq!((steps[1].as_str(), steps.len()), ("800f", 201));
    assert!(series.is_whole());
}

#[test]
fn what_cannot_be_fetched_is_named_after_a_while() {
    let mut series = begun(0, 10);
    series.handle_block(told(0, 12), at(1));
    let broken = Survey {
        blocks: Vec::new(),
        flaw: Some("no".to_owned()),
        ..survey(&series, 0, 13, at(1))
    };
    assert!(series.handle_survey(broken, at(2)).is_empty());
    assert!(series.poll(at(5)).is_empty());
    assert_eq!(shown(&series.poll(at(12))), ["gap 10-11", "12"]);
    assert!(series.is_whole());
}

#[test]
fn a_known_tip_without_blocks_is_a_gap_too() {
    let mut series = begun(0, 10);
    let broken = Survey {
        blocks: Vec::new(),
        flaw: Some("no".to_owned()),
        ..survey(&series, 0, 13, at(1))
    };
    series.handle_survey(broken, at(1));
    assert_eq!(shown(&series.poll(at(12))), ["gap 10-12"]);
    assert_eq!(shown(&series.handle_block(told(0, 13), at(13))), ["13"]);
}

#[test]
fn a_block_that_the_node_does_not_have_is_not_believed() {
    for height in [500, u64::MAX - 1, u64::MAX] {
        let mut series = begun(0, 10);
        assert!(series.handle_block(told(7, height), at(1)).is_empty());
        let look = survey(&series, 0, 10, at(2));
        assert!(series.handle_survey(look, at(2)).is_empty());
        assert!(series.is_whole(), "{height}");
        assert_eq!(series.untrue(), 1);
    }
    // Even if nobody can be asked, what is beyond all measure does not go through.
    let mut series = begun(0, 10);
    series.handle_block(told(7, u64::MAX - 1), at(1));
    assert!(series.poll(at(60)).is_empty());
    assert!(series.is_whole());
}

#[test]
fn a_chain_that_went_back_begins_anew_after_a_second_look() {
    for (name, life, top) in [
        ("lower", 1, 5),
        ("empty", 1, 0),
        ("same height", 1, 10),
        ("higher", 1, 30),
    ] {
        let mut series = begun(0, 10);
        for second in [false, true] {
            let look = survey(&series, life, top, at(5));
            let steps = shown(&series.handle_survey(look, at(5)));
            assert!(series.take_wish() && !series.is_whole(), "{name}");
            let reset = vec![format!("reset {:?}", u64::checked_sub(top, 1))];
            assert_eq!(steps, if second { reset } else { Vec::new() }, "{name}");
        }
        let look = survey(&series, life, top, at(6));
        let steps = shown(&series.handle_survey(look, at(6)));
        assert_eq!(steps.len() as u64, top.min(20), "{name}");
        assert!(series.is_whole(), "{name}");
    }
}

#[test]
fn a_view_that_was_behind_once_is_no_reset() {
    let mut series = begun(0, 10);
    let late = survey(&series, 0, 9, at(1));
    assert!(series.handle_survey(late, at(1)).is_empty());
    let look = survey(&series, 0, 11, at(2));
    assert_eq!(shown(&series.handle_survey(look, at(2))), ["10f"]);
    assert!(series.is_whole());
}

#[test]
fn a_low_block_of_another_hash_is_looked_into() {
    let mut series = begun(0, 10);
    series.handle_block(told(1, 3), at(1));
    assert!(series.take_wish());
}

#[test]
fn a_history_that_began_without_blocks_may_go_on_with_a_gap() {
    let mut series = begun(0, 0);
    series.handle_block(told(0, 1), at(1));
    assert_eq!(shown(&series.poll(at(20))), ["gap 0-0", "1"]);
}

#[test]
fn a_new_chain_that_leapt_beyond_all_that_is_fetched_is_a_gap() {
    let mut series = begun(0, 10);
    let look = survey(&series, 1, 500, at(30));
    let steps = shown(&series.handle_survey(look, at(31)));
    assert_eq!((steps[0].as_str(), steps[1].as_str()), ("gap 10-299", "300f"));
    // Blocks that can be compared give it away, however far it leapt.
    let mut series = begun(0, 10);
    let flawed = Survey {
        flaw: Some("no".to_owned()),
        ..survey(&series, 1, 150, at(30))
    };
    series.handle_survey(flawed, at(30));
    let look = survey(&series, 1, 150, at(31));
    assert_eq!(shown(&series.handle_survey(look, at(31))), ["reset Some(149)"]);
}

#[test]
fn chains_near_the_largest_height_work() {
    let top = u64::MAX - 1;
    let mut series = begun(0, top - 3);
    let look = survey(&series, 0, top, at(1));
    assert_eq!(series.handle_survey(look, at(1)).len(), 3);
    assert_eq!(series.handle_block(told(0, top), at(2)).len(), 1);
    assert!(series.handle_block(told(0, u64::MAX), at(2)).is_empty());
}

/// What a subscriber makes of the steps.
#[derive(Default)]
struct Reader {
    expected: Option<u64>,
    /// Since the last reset.
    blocks: Vec<(u64, String)>,
    gaps: u64,
    resets: u64,
}

impl Reader {
    fn read(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Publish(ChainUpdate::NewBlock { height, hash, .. }) => {
                    let height = height.0;
                    assert_eq!(height, self.expected.unwrap_or(height), "in order, each once");
                    self.expected = Some(height + 1);
                    self.blocks.push((height, hash));
                }
                Step::Publish(other) => panic!("{other:?}"),
                Step::Gap(from, to) => {
                    let ended = self.expected.unwrap_or(from);
                    assert_eq!(
                        from, ended,
                        "a gap begins where the blocks ended, or the history began"
                    );
                    assert!(from <= to);
                    self.expected = Some(to + 1);
                    self.gaps += 1;
                }
                Step::Reset(_) => {
                    self.expected = None;
                    self.blocks.clear();
                    self.resets += 1;
                }
            }
        }
    }
}

/// A node that tells badly, asks that fail, and the engine's way of asking.
fn simulate(seed: u64, is_rough: bool) -> Reader {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut series = Series::default();
    let mut reader = Reader::default();
    let (mut life, mut top) = (0, dice.u64(0..300));
    let mut late: VecDeque<Block> = VecDeque::new();
    let mut asked: Option<(Survey, Moment)> = None;
    let mut now = Moment::START;
    let mut next_look = now;
    let hours = 400;
    for turn in 0..hours + 200 {
        let is_over = turn >= hours;
        now = now + Duration::from_millis(dice.u64(1..3_000));
        for _ in 0..if is_over { 0 } else { dice.u64(0..3) } {
            let block = told(life, top);
            top += 1;
            match dice.u8(0..10) {
                0..=4 => reader.read(series.handle_block(block, now)),
                5 => {
                    reader.read(series.handle_block(block.clone(), now));
                    reader.read(series.handle_block(block, now));
                }
                6 | 7 => late.push_back(block),
                _ => {}
            }
        }
        if dice.u8(0..4) == 0
            && let Some(block) = late.pop_front()
        {
            reader.read(series.handle_block(block, now));
        }
        if is_rough && !is_over {
            match dice.u8(0..100) {
                0 => {
                    life += 1;
                    top = dice.u64(0..100);
                    late.clear();
                }
                1 => top += dice.u64(1..1_000),
                2 => reader.read(series.handle_block(told(99, dice.u64(..)), now)),
                3 => series.pause(),
                _ => {}
            }
        }
        let wishes = series.take_wish();
        if asked.is_none() && (wishes || now >= next_look) {
            let mut look = survey(&series, life, top, now);
            if is_rough && !is_over && dice.u8(0..3) == 0 {
                let keep = dice.usize(0..=look.blocks.len());
                look.blocks.drain(..look.blocks.len() - keep);
                look.flaw = Some("simulated".to_owned());
            }
            let fails = is_rough && !is_over && dice.u8(0..4) == 0;
            if !fails {
                // Two slow answers in a row would outlast the patience for a block.
                let slowest = if is_rough { 6_000 } else { 1_500 };
                asked = Some((look, now + Duration::from_millis(dice.u64(0..slowest))));
            }
            next_look = now + Duration::from_secs(30);
        }
        if let Some((look, _)) = asked.take_if(|(_, due)| *due <= now) {
            reader.read(series.handle_survey(look, now));
        }
        reader.read(series.poll(now));
    }
    assert!(series.is_whole(), "everything is found in the end");
    if let Some(expected) = reader.expected {
        assert_eq!(expected, top, "up to the tip");
    }
    // What lies further below the tip than is fetched, nobody can compare.
    let is_compared = |height: u64| height >= top.saturating_sub(MOST_FETCHED);
    for (height, found) in reader.blocks.iter().filter(|(height, _)| is_compared(*height)) {
        assert_eq!(found, &hash(life, *height), "of the chain that there is");
    }
    reader
}

#[test]
fn whatever_is_lost_late_or_repeated_comes_once_and_in_order() {
    let begin = fastrand::u64(..);
    println!("seeds from {begin}");
    for seed in (0..300).map(|offset| begin.wrapping_add(offset)) {
        println!("seed {seed}");
        let reader = simulate(seed, false);
        assert_eq!((reader.gaps, reader.resets), (0, 0), "nothing is missing");
    }
}

/// Hours in which a history began without blocks, or a new chain leapt beyond all that can be compared.
#[test]
fn hours_that_were_misjudged_once_are_judged_rightly() {
    for seed in [
        5_885_820_165_455_450_274,
        7_337_470_658_048_969_033,
        8_055_587_174_440_402_685,
        9_760_177_676_869_431_470,
        11_922_975_193_165_423_180,
        12_538_277_315_543_861_969,
        15_296_693_919_240_661_684,
        17_698_697_090_530_073_409,
        18_141_511_715_763_724_598,
    ] {
        simulate(seed, true);
    }
}

#[test]
fn whatever_happens_blocks_come_once_in_order_or_are_named() {
    let begin = fastrand::u64(..);
    println!("seeds from {begin}");
    let (mut gaps, mut resets) = (0, 0);
    for seed in (0..300).map(|offset| begin.wrapping_add(offset)) {
        println!("seed {seed}");
        let reader = simulate(seed, true);
        gaps += reader.gaps;
        resets += reader.resets;
    }
    assert!(gaps > 0 && resets > 0, "the simulation is rough");
}
