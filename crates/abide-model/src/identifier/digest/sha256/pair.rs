//! Two hashes woven into each other. Each round of SHA-256 waits for the one before, so a processor with instructions
//! for them (SHA-NI) idles half of the time in one hash, and takes little longer for two.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_unpackhi_epi64,
};

use super::{Block, INITIAL};

/// FIPS 180-4, section 4.2.2.
const ROUNDS: [[[u32; 4]; 4]; 4] = [
    [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    ],
    [
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    ],
    [
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    ],
    [
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ],
];

/// The first halves of both hashes; `None` on a processor without the instructions.
#[inline]
pub(super) fn first_16_of(pair: [&Block; 2]) -> Option<[[u8; 16]; 2]> {
    // Looked for once by the standard library, and remembered.
    let has_instructions = is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1");
    #[expect(unsafe_code, reason = "what needs instructions is called where they were seen to be there")]
    // SAFETY: the processor has what the function is compiled for.
    has_instructions.then(|| unsafe { woven(pair) })
}

/// One of the two hashes on its way.
struct Hash {
    /// The words of the state in the order in which the instructions keep them.
    abef: __m128i,
    cdgh: __m128i,
    /// The last sixteen words of the message schedule.
    words: [__m128i; 4],
}

/// The words of the first state in the order in which the instructions keep them.
const ABEF: [u32; 4] = [INITIAL[5], INITIAL[4], INITIAL[1], INITIAL[0]];
const CDGH: [u32; 4] = [INITIAL[7], INITIAL[6], INITIAL[3], INITIAL[2]];

/// In here nothing goes through `map` or an iterator: a closure has the instructions of where it stands, they have not, and
/// the compiler then calls both for every step.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn woven([one, other]: [&Block; 2]) -> [[u8; 16]; 2] {
    let mut hashes = [begun(one), begun(other)];
    let [first, more @ ..] = ROUNDS;
    four_rounds::<0>(&mut hashes, first[0]);
    four_rounds::<1>(&mut hashes, first[1]);
    four_rounds::<2>(&mut hashes, first[2]);
    four_rounds::<3>(&mut hashes, first[3]);
    for constants in more {
        schedule::<0>(&mut hashes);
        four_rounds::<0>(&mut hashes, constants[0]);
        schedule::<1>(&mut hashes);
        four_rounds::<1>(&mut hashes, constants[1]);
        schedule::<2>(&mut hashes);
        four_rounds::<2>(&mut hashes, constants[2]);
        schedule::<3>(&mut hashes);
        four_rounds::<3>(&mut hashes, constants[3]);
    }
    let [one, other] = hashes;
    [ended(&one), ended(&other)]
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn begun(Block(bytes): &Block) -> Hash {
    // Words are big-endian.
    let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let [a, b, c, d] = bytemuck::cast::<[u8; 64], [__m128i; 4]>(*bytes);
    let words = [
        _mm_shuffle_epi8(a, swap),
        _mm_shuffle_epi8(b, swap),
        _mm_shuffle_epi8(c, swap),
        _mm_shuffle_epi8(d, swap),
    ];
    Hash { abef: bytemuck::cast(ABEF), cdgh: bytemuck::cast(CDGH), words }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn ended(hash: &Hash) -> [u8; 16] {
    let abef = _mm_add_epi32(hash.abef, bytemuck::cast(ABEF));
    let cdgh = _mm_add_epi32(hash.cdgh, bytemuck::cast(CDGH));
    let dcba: u128 = bytemuck::cast(_mm_unpackhi_epi64(cdgh, abef));
    dcba.to_be_bytes()
}

/// Replaces the four oldest words of the schedule, which are at `AT`, by the next four.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn schedule<const AT: usize>(hashes: &mut [Hash; 2]) {
    for Hash { words, .. } in hashes {
        let (next, third, newest) = (words[(AT + 1) % 4], words[(AT + 2) % 4], words[(AT + 3) % 4]);
        let begun = _mm_sha256msg1_epu32(words[AT], next);
        let begun = _mm_add_epi32(begun, _mm_alignr_epi8::<4>(newest, third));
        words[AT] = _mm_sha256msg2_epu32(begun, newest);
    }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn four_rounds<const AT: usize>(hashes: &mut [Hash; 2], constants: [u32; 4]) {
    for Hash { abef, cdgh, words } in hashes {
        let fed = _mm_add_epi32(words[AT], bytemuck::cast(constants));
        *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, fed);
        *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32::<0x0e>(fed));
    }
}
