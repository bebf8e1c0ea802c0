//! Proof of work: find a number whose hash has enough leading zero bits.
//!
//! The algorithm, for whoever writes a client: take `prefix` from the challenge (32 hexadecimal characters), a colon and a
//! number written in decimal (1 to 20 digits); the SHA-256 of that ASCII text must begin with at least `difficulty` zero
//! bits. Post the number as `nonce=<number>` (`application/x-www-form-urlencoded`) to the challenge's own URL.
//!
//! It taxes volume and does not tell people from programs; whoever has the machine time may pass. Both sides need one hash
//! a try, the gate exactly one a submission. Text and prefix together fit one SHA-256 block, and the prefix is the
//! ticket's random id, so that no work can be done ahead or used for another ticket.

use super::reply::{Page, Reply, html, policy};
use super::{KindEntry, Task};
use crate::config::settings::Challenges;
use crate::engine::clearance::ChallengeKind;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

pub(super) static PROOF_OF_WORK: KindEntry = KindEntry {
    kind: ChallengeKind::ProofOfWork,
    code: 1,
    summary: "the browser computes for a moment; no interaction",
    difficulty,
    describe,
    page,
    verify,
};

const SCRIPT: &str = include_str!("proof_of_work.js");
static POLICY: LazyLock<String> = LazyLock::new(|| policy(Some(SCRIPT)));

fn difficulty(settings: &Challenges) -> u8 {
    // The page's script looks at one 32-bit word.
    settings.proof_of_work.difficulty.clamp(1, 28)
}

fn prefix(task: &Task) -> String {
    format!("{:032x}", u128::from_be_bytes(task.id))
}

fn describe(task: &Task) -> Value {
    json!({
        "algorithm": "sha-256",
        "prefix": prefix(task),
        "difficulty": task.difficulty,
    })
}

fn page(task: &Task) -> Reply {
    let main = format!(
        "<p>Your browser is solving a small puzzle, to show that it is not one of many automated requests. \
         This takes a few seconds at most, and you need not do anything.</p>\n\
         <p id=\"status\" role=\"status\" aria-live=\"polite\">Starting…</p>\n\
         <p><progress id=\"progress\" max=\"1\" aria-label=\"Progress of the check\"></progress></p>\n\
         <noscript><p><strong>This check needs JavaScript.</strong> Please switch it on for this site and reload the \
         page. Nothing is loaded from other sites.</p></noscript>\n\
         <form id=\"check\" method=\"post\" data-prefix=\"{prefix}\" data-difficulty=\"{difficulty}\">\n\
         <input type=\"hidden\" name=\"nonce\" value=\"\">\n\
         <button id=\"continue\" type=\"submit\" hidden>Continue</button>\n</form>\n",
        prefix = prefix(task),
        difficulty = task.difficulty,
    );
    html(200, &Page { title: "One moment, please", main: &main, script: Some(SCRIPT), policy: &POLICY })
}

fn verify(task: &Task, form: &[u8]) -> bool {
    let Some(nonce) = nonce(form) else { return false };
    let mut hash = Sha256::new();
    hash.update(prefix(task));
    hash.update(b":");
    hash.update(nonce);
    let hash: [u8; 32] = hash.finalize().into();
    leading_zero_bits(&hash) >= u32::from(task.difficulty)
}

/// The one `nonce` of an urlencoded form. Digits need no decoding, so nothing is decoded.
fn nonce(form: &[u8]) -> Option<&[u8]> {
    let mut values = form.trim_ascii().split(|byte| *byte == b'&').filter_map(|pair| pair.strip_prefix(b"nonce="));
    let nonce = values.next()?;
    let decimal = (1..=20).contains(&nonce.len()) && nonce.iter().all(u8::is_ascii_digit);
    (decimal && values.next().is_none()).then_some(nonce)
}

fn leading_zero_bits(hash: &[u8; 32]) -> u32 {
    let zeros = hash.iter().take_while(|byte| **byte == 0).count();
    zeros as u32 * 8 + hash.get(zeros).map_or(0, |byte| byte.leading_zeros())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a client does.
    pub fn solve(task: &Task) -> String {
        (0u64..).map(|nonce| format!("nonce={nonce}")).find(|form| verify(task, form.as_bytes())).unwrap()
    }

    #[test]
    fn the_algorithm_is_the_documented_one() {
        // $ printf 000102030405060708090a0b0c0d0e0f:1000044298 | sha256sum    (0000109f…: 19 zero bits)
        let task = Task { id: std::array::from_fn(|place| place as u8), difficulty: VECTOR_BITS };
        assert_eq!(describe(&task)["prefix"], "000102030405060708090a0b0c0d0e0f");
        assert!(verify(&task, VECTOR.as_bytes()));
        assert!(!verify(&Task { difficulty: VECTOR_BITS + 1, ..task }, VECTOR.as_bytes()));
    }

    const VECTOR: &str = "nonce=1000044298";
    const VECTOR_BITS: u8 = 19;

    #[test]
    fn zero_bits_are_counted_from_the_left() {
        for (first, expected) in [
            (&[0x80][..], 0),
            (&[0x7f], 1),
            (&[0x01], 7),
            (&[0x00, 0xff], 8),
            (&[0x00, 0x0f], 12),
            (&[0x00, 0x00, 0x00, 0x10], 27),
        ] {
            let mut hash = [0xff; 32];
            hash[..first.len()].copy_from_slice(first);
            assert_eq!(leading_zero_bits(&hash), expected, "{first:?}");
        }
        assert_eq!(leading_zero_bits(&[0; 32]), 256);
    }

    #[test]
    fn a_solution_is_for_one_task_only() {
        let task = Task { id: [1; 16], difficulty: 12 };
        let form = solve(&task);
        assert!(verify(&task, form.as_bytes()));
        let others = (0..64).filter(|id| verify(&Task { id: [100 + id; 16], ..task }, form.as_bytes())).count();
        assert!(others <= 1, "one in 4096 by chance, {others} of 64 found");
    }

    #[test]
    fn only_one_plain_number_is_an_answer() {
        for (form, expected) in [
            ("nonce=0", Some("0")),
            ("nonce=18446744073709551616", Some("18446744073709551616")),
            ("a=1&nonce=7&b", Some("7")),
            ("nonce=7\r\n", Some("7")),
            ("", None),
            ("nonce=", None),
            ("nonce=-1", None),
            ("nonce=+1", None),
            ("nonce=1e5", None),
            ("nonce=%31", None),
            ("nonce=1 2", None),
            ("nonce=1&nonce=1", None),
            ("nonce=1&nonce=", None),
            ("xnonce=1", None),
            ("NONCE=1", None),
            ("nonce=184467440737095516160", None),
            ("nonce=\u{661}", None),
        ] {
            assert_eq!(nonce(form.as_bytes()), expected.map(str::as_bytes), "{form:?}");
        }
    }

    #[test]
    fn any_hash_is_no_proof() {
        // The flaw of CVE-2025-24369 in another gate: a well-formed answer that is not a solution.
        let task = Task { id: [7; 16], difficulty: 28 };
        assert!((0..1000).all(|nonce| !verify(&task, format!("nonce={nonce}").as_bytes())));
    }

    #[test]
    fn the_page_runs_its_own_script_and_nothing_else() {
        let reply = page(&Task { id: [0xab; 16], difficulty: 16 });
        let body = std::str::from_utf8(&reply.body).unwrap();
        let csp = reply.header("content-security-policy").unwrap();
        assert!(csp.starts_with("default-src 'none'; script-src 'sha256-"), "{csp}");
        for absent in ["unsafe", "http:", "https:", "*", "data:", "blob:"] {
            assert!(!csp.contains(absent), "{absent} in {csp}");
        }
        assert!(csp.ends_with("base-uri 'none'; frame-ancestors 'none'"), "{csp}");

        // The hashes in the policy are those of what stands between the tags.
        for (open, close) in [("<script>", "</script>"), ("<style>", "</style>")] {
            assert_eq!(body.matches(open).count(), 1);
            let inside = body.split_once(open).unwrap().1.split_once(close).unwrap().0;
            use base64::Engine as _;
            let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(inside));
            assert!(csp.contains(&format!("'sha256-{hash}'")), "{open}");
        }
        let outside = body.replace(SCRIPT, "");
        for absent in [" onclick", " onload", " onsubmit", " onerror", " style=", "javascript:", "src=", "url(", "http"]
        {
            assert!(!outside.contains(absent), "{absent}");
        }
        for needed in
            ["<html lang=\"en\">", "<noscript>", "aria-live=\"polite\"", "data-difficulty=\"16\"", "name=\"viewport\""]
        {
            assert!(body.contains(needed), "{needed}");
        }
        assert!(body.contains(&format!("data-prefix=\"{}\"", "ab".repeat(16))));
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--") && !SCRIPT.contains('\r'));
    }
}
