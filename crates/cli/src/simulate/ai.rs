//! Simulated text streams: a text that is typed on `ai` word by word, as models do.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

/// A title and a text.
const TEXTS: [(&str, &str); 4] = [
    (
        "How does a gateway keep its word?",
        "A gateway numbers what it passes on. Each listener knows the last number that it has seen, so when the line \
         breaks and comes back, it can say where it stood. What it missed is sent first, then everything goes on as \
         before. And if something can not be had any more, the gateway says so: a gap with a name is better than a \
         smooth lie.",
    ),
    (
        "Why does my pump hum at night?",
        "Most likely nothing is wrong. At night the mains voltage is a little higher, because fewer machines share \
         it, and the motor's iron vibrates more. Look at the vibration chart: if it stays under two millimetres per \
         second, let it hum. If it climbs from day to day, the bearing wants grease.\n\nTip: compare it with the \
         flow. A pump that hums louder and moves less water is drawing air.",
    ),
    (
        "Summarise the week in the greenhouse",
        "The week was warm and dry. Temperatures stayed between 21 and 26 degrees, with one short dip on Tuesday \
         when a vent was left open. Soil moisture fell slowly until the irrigation ran on Thursday.\n\nTwo things to \
         do:\n\n- clean the light sensor of the north bench, it reads a tenth too low;\n- move the calibration from \
         noon to the early morning, when the air is still.",
    ),
    (
        "Write a short poem about queues",
        "A queue that grows without an end\nis not a place, it is a debt:\nwhat you have promised to a friend\nand \
         have not told him you forget.\n\nSo draw a line, and when it's reached,\nsay plainly what you will not \
         do.\nA system is the sum of each\nlimit it has kept with you.",
    ),
];
/// Of so many streams, one breaks off.
const ONE_BREAKS_OF: u32 = 8;

/// All chunks of one stream, each with the time to wait before it.
pub(super) fn script(id: &str, rng: &mut Rng) -> Vec<(Duration, Value)> {
    let (title, text) = TEXTS[rng.usize(..TEXTS.len())];
    let words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
    let breaks_at = (rng.u32(..ONE_BREAKS_OF) == 0).then(|| rng.usize(3..words.len()));
    let a_second = 5.0 + rng.f64() * 10.0;
    let mut script = Vec::with_capacity(words.len() + 1);
    for (index, word) in words.iter().enumerate() {
        // Now and then it thinks.
        let slow = if rng.u32(..25) == 0 {
            4.0
        } else {
            0.6 + rng.f64() * 0.8
        };
        let wait = Duration::from_secs_f64(slow / a_second);
        let mut chunk = json!({ "stream_id": id, "index": index, "simulated": true });
        if index == 0 {
            chunk["title"] = format!("{title} (simulated)").into();
        }
        if breaks_at == Some(index) {
            chunk["error"] = "the model ran out of time".into();
            script.push((wait, chunk));
            return script;
        }
        chunk["chunk"] = (*word).into();
        if index + 1 == words.len() {
            chunk["done"] = true.into();
        }
        script.push((wait, chunk));
    }
    script
}

/// The pause before the next stream.
pub(super) fn pause(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.u64(3_000..10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_make_the_text_at_a_model_s_pace() {
        let mut broken = 0;
        for seed in 0..100 {
            let script = script("s-1", &mut Rng::with_seed(seed));
            let mut text = String::new();
            for (number, (_, chunk)) in script.iter().enumerate() {
                let read: nexus_protocol::AiUpdate = serde_json::from_value(chunk.clone()).unwrap();
                assert_eq!(read.index, Some(number as u64));
                assert_eq!(read.title.is_some(), number == 0);
                assert_eq!(read.is_final(), number + 1 == script.len());
                text.push_str(&read.chunk);
            }
            let whole = TEXTS.iter().any(|(_, whole)| *whole == text);
            broken += usize::from(!whole);
            assert_eq!(whole, script.last().unwrap().1["done"] == true);
            let seconds: f64 = script.iter().map(|(wait, _)| wait.as_secs_f64()).sum();
            let a_second = script.len() as f64 / seconds;
            assert!((3.0..20.0).contains(&a_second) || script.len() < 20, "{a_second}");
        }
        assert!((2..40).contains(&broken), "{broken}");
    }
}
