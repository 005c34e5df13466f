//! Any bytes decode within the limit of the size and of the memory, or fail. What is encoded decodes to itself.
#![no_main]

use encoding::{Encoding, Failure};
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "only the rest of the package uses it")]
#[path = "../../src/base/encoding.rs"]
mod encoding;

const LIMIT: usize = 64 * 1024;

fuzz_target!(|data: (u8, Vec<u8>)| {
    let (kind, bytes) = data;
    let encoding = [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd][usize::from(kind % 4)];
    let mut reserved = 0;
    let decoded = encoding.decode(&bytes, LIMIT, |bytes| {
        reserved += bytes;
        if reserved > LIMIT { Err("more than the limit") } else { Ok(()) }
    });
    match decoded {
        Ok(decoded) => assert!(decoded.len() <= LIMIT && decoded.capacity() <= reserved),
        Err(Failure::Rejected(reason)) => panic!("{reason}"),
        Err(Failure::Corrupt | Failure::TooLarge) => {}
    }
    let encoded = encoding.encode(&bytes).expect("memory");
    let again = encoding.decode(&encoded, bytes.len(), |_| Ok::<_, ()>(()));
    assert!(matches!(again, Ok(again) if again == bytes));
});
