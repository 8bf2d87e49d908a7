//! The frame codec by itself: `cargo bench -p nexus-server --bench frames`.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nexus_server::deflate::{Compression, Deflate, Inflate};
use nexus_server::frames::{self, Decoder, Item, unmask};

const MOST: usize = 1 << 20;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// What one read from a socket often brings, where clients say much.
const READ_BYTES: usize = 64 * 1024;

/// A frame as a client sends it.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    let start = frame.len();
    frame.extend(payload);
    unmask(&mut frame[start..], KEY);
    frame
}

/// Reads everything, and says how many bytes the messages had.
fn read(decoder: &mut Decoder, inflate: &mut Inflate, bytes: &mut [u8]) -> usize {
    let mut at = 0;
    let mut heard = 0;
    loop {
        let step = decoder.next(&mut bytes[at..], inflate).unwrap();
        at += step.used;
        heard += match step.item {
            Some(Item::Text(text)) => text.len(),
            Some(Item::Binary(bytes) | Item::Ping(bytes)) => bytes.len(),
            Some(Item::Pong | Item::Close(..)) => 0,
            None => return heard,
        };
    }
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let json = r#"{"id":7,"type":"publish","channel":"room:lobby","data":{"text":"hello"}}"#;
    let cyrillic = "Привет, мир! ".repeat(3_000);
    let cases = [
        (
            "small texts",
            masked(0x81, json.as_bytes()).repeat(READ_BYTES / 100),
        ),
        ("pings", masked(0x89, b"").repeat(1000)),
        ("text of 64 KiB", masked(0x81, &[b'x'; READ_BYTES])),
        ("text that is not ASCII", masked(0x81, cyrillic.as_bytes())),
        ("64 KiB binary", masked(0x82, &[7; READ_BYTES])),
        ("1 MiB binary", masked(0x82, &vec![7; MOST])),
    ];
    for (name, frames) in cases {
        group.throughput(Throughput::Bytes(frames.len() as u64));
        group.bench_function(name, |bencher| {
            let mut decoder = Decoder::new(MOST, false);
            let mut inflate = Inflate::new();
            bencher.iter_batched_ref(
                || frames.clone(),
                |bytes| black_box(read(&mut decoder, &mut inflate, bytes)),
                BatchSize::LargeInput,
            );
        });
    }

    let frames = masked(0x81, &[b'x'; READ_BYTES]);
    group.throughput(Throughput::Bytes(frames.len() as u64));
    group.bench_function("text of 64 KiB in pieces of 1,400", |bencher| {
        let mut decoder = Decoder::new(MOST, false);
        let mut inflate = Inflate::new();
        bencher.iter_batched_ref(
            || frames.clone(),
            |bytes| {
                for piece in bytes.chunks_mut(1400) {
                    black_box(read(&mut decoder, &mut inflate, piece));
                }
            },
            BatchSize::LargeInput,
        );
    });

    let mut deflate = Deflate::new(Compression::DEFAULT);
    let compressed = deflate.payload(json.repeat(28).as_bytes()).unwrap();
    let frame = masked(0xc1, &compressed);
    group.throughput(Throughput::Bytes(json.len() as u64 * 28));
    group.bench_function("2 KiB of JSON, compressed", |bencher| {
        let mut decoder = Decoder::new(MOST, true);
        let mut inflate = Inflate::new();
        bencher.iter_batched_ref(
            || frame.clone(),
            |bytes| black_box(read(&mut decoder, &mut inflate, bytes)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for size in [128, 2 * 1024, 64 * 1024] {
        let text = "x".repeat(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("text of {size}"), |bencher| {
            bencher.iter(|| frames::text(black_box(&text)));
        });
    }
    group.bench_function("close", |bencher| {
        bencher.iter(|| frames::close(black_box(nexus_protocol::CloseCode::Slow), "too slow"));
    });
    group.finish();
}

fn masks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unmask");
    for size in [16, 128, 4 * 1024, 64 * 1024] {
        let mut bytes = vec![7; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(size.to_string(), |bencher| {
            bencher.iter(|| unmask(black_box(&mut bytes), KEY));
        });
    }
    group.finish();
}

criterion_group!(benches, decode, encode, masks);
criterion_main!(benches);
