//! Unmasking: each byte of a payload from a client is combined with one of the four of its key.

/// Takes the mask away (or puts it on) in place. `key` begins with the byte for the first of `bytes`.
pub fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    // Whole words in a plain loop: the compiler makes vector instructions of it.
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_meets_its_byte_of_the_key() {
        let key = [0x11, 0x22, 0x44, 0x88];
        for length in 0..100 {
            let mut bytes: Vec<u8> = (0..length).collect();
            unmask(&mut bytes, key);
            for (at, byte) in bytes.iter().enumerate() {
                assert_eq!(*byte, at as u8 ^ key[at % 4], "byte {at} of {length}");
            }
        }
    }
}
