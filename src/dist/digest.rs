//! The proof that both nodes know the same cookie.
//!
//! Each node sends the other a random number, its challenge, and gets back a digest of the cookie and that number:
//!
//! ```text
//! MD5( cookie ++ challenge in decimal )      16 bytes
//! ```
//!
//! This keeps apart clusters on one network. It is no protection against someone who can read or change the traffic:
//! nothing after it is encrypted or signed, and a short cookie can be found by trying.

use std::fmt;
use std::hint::black_box;

use md5::{Digest as _, Md5};

use crate::term::MAX_ATOM_CHARACTERS;

/// How long a digest is, in bytes.
pub const DIGEST_LENGTH: usize = 16;

/// The secret that the nodes of a cluster share.
///
/// It is an atom in Erlang. Neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    /// One byte a character: `erlang:md5/1` takes the characters of the cookie for bytes.
    bytes: Box<[u8]>,
}

impl Cookie {
    /// Makes a cookie of `text`.
    ///
    /// # Errors
    /// [`CookieError`], when no BEAM node could use it.
    pub fn new(text: &str) -> Result<Cookie, CookieError> {
        let characters = text.chars().count();
        if characters > MAX_ATOM_CHARACTERS {
            return Err(CookieError::TooLong { characters });
        }
        match text.chars().map(|c| u8::try_from(u32::from(c))).collect() {
            Ok(bytes) => Ok(Cookie { bytes }),
            Err(_) => Err(CookieError::NotLatin1),
        }
    }

    /// The digest that answers `challenge`.
    #[must_use]
    pub fn digest(&self, challenge: u32) -> ChallengeDigest {
        let mut md5 = Md5::new();
        md5.update(&self.bytes);
        md5.update(challenge.to_string());
        ChallengeDigest(md5.finalize().into())
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// What a node accepts as proof from one that connects to it: its cookie for that node, and perhaps a second one.
///
/// The second makes it possible to change the cookie of a cluster while it runs: for as long as that takes, its nodes
/// come with the old one or the new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedCookies {
    cookie: Cookie,
    second: Option<Cookie>,
}

impl AcceptedCookies {
    /// `cookie`, or else `second`.
    #[must_use]
    pub fn new(cookie: Cookie, second: Option<Cookie>) -> AcceptedCookies {
        AcceptedCookies { cookie, second }
    }

    /// The cookie of which `digest` is the digest for `challenge`; the acknowledgement has to be made with the same.
    #[must_use]
    pub fn proven_by(&self, digest: ChallengeDigest, challenge: u32) -> Option<&Cookie> {
        [Some(&self.cookie), self.second.as_ref()]
            .into_iter()
            .flatten()
            .find(|cookie| cookie.digest(challenge) == digest)
    }
}

impl From<Cookie> for AcceptedCookies {
    fn from(cookie: Cookie) -> AcceptedCookies {
        AcceptedCookies::new(cookie, None)
    }
}

/// Why a text cannot be a cookie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// A cookie is an atom.
    #[error("the cookie has {characters} characters, the most is {MAX_ATOM_CHARACTERS}")]
    TooLong {
        /// How many characters it has.
        characters: usize,
    },
    /// OTP crashes in the handshake when the cookie has such a character.
    #[error("the cookie has a character outside Latin-1 (above U+00FF), which no BEAM node accepts")]
    NotLatin1,
}

/// The answer to a challenge. Comparing two takes the same time wherever they differ.
#[derive(Clone, Copy)]
pub struct ChallengeDigest(pub [u8; DIGEST_LENGTH]);

impl PartialEq for ChallengeDigest {
    fn eq(&self, other: &ChallengeDigest) -> bool {
        let difference = self.0.iter().zip(&other.0).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
        difference == 0
    }
}

impl Eq for ChallengeDigest {}

impl fmt::Debug for ChallengeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_real_nodes() {
        // Two nodes of OTP 25.2.3 with the cookie `abc`.
        let cookie = Cookie::new("abc").unwrap();
        let reply = 0x4b8c_a4af_a0f8_a5c2_e8bc_3130_a0d2_ece6_u128;
        assert_eq!(cookie.digest(0xea1b_afde), ChallengeDigest(reply.to_be_bytes()));
        let ack = 0xfea4_be92_0823_cabf_6036_fb93_b70c_e456_u128;
        assert_eq!(cookie.digest(0x4a73_8d93), ChallengeDigest(ack.to_be_bytes()));
        assert_ne!(cookie.digest(1), cookie.digest(2));
    }

    #[test]
    fn characters_are_bytes_of_latin1() {
        // erlang:md5([233|"1"]) in OTP 25.2.3.
        let digest = 0xd38a_886c_7ef8_be42_e046_4a2d_a374_7c9f_u128;
        assert_eq!(Cookie::new("é").unwrap().digest(1), ChallengeDigest(digest.to_be_bytes()));
        assert_eq!(Cookie::new("€"), Err(CookieError::NotLatin1));
        assert_eq!(Cookie::new(&"a".repeat(256)), Err(CookieError::TooLong { characters: 256 }));
    }

    #[test]
    fn either_of_two_cookies_is_proof_and_no_other() {
        let [old, new, other] = ["old", "new", "other"].map(|text| Cookie::new(text).unwrap());
        let accepted = AcceptedCookies::new(new.clone(), Some(old.clone()));
        assert_eq!(accepted.proven_by(new.digest(5), 5), Some(&new));
        assert_eq!(accepted.proven_by(old.digest(5), 5), Some(&old));
        assert_eq!(accepted.proven_by(other.digest(5), 5), None);
        assert_eq!(accepted.proven_by(old.digest(5), 6), None, "the answer to another challenge");
        assert_eq!(AcceptedCookies::from(new).proven_by(old.digest(5), 5), None);
    }

    #[test]
    fn nothing_shows_the_cookie() {
        assert_eq!(format!("{:?}", Cookie::new("secret").unwrap()), "Cookie(..)");
        assert_eq!(format!("{:?}", Cookie::new("secret").unwrap().digest(1)), "ChallengeDigest(..)");
    }
}
