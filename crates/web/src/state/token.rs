//! A sign-in token as far as a page may look into it: who, which role, until when. The server alone decides if it is good.

use std::fmt;
use std::rc::Rc;

use serde::Deserialize;

use super::feed::Moment;

/// A JSON Web Token. Its text never reaches a log or the address bar.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Rc<str>);

/// What a token says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claims {
    /// Who.
    pub(crate) sub: Option<String>,
    /// As what.
    pub(crate) role: Option<String>,
    /// Until when, in Unix seconds.
    exp: Option<u64>,
}

/// Why a text is no token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not three parts of base64url with JSON in the middle.
    #[error("This is not a token. A token is one long line with two dots in it.")]
    Malformed,
    /// It ended in the past.
    #[error("This token has expired. Ask for a new one.")]
    Expired,
}

impl Token {
    /// Takes a text as it was pasted: spaces and line breaks around it go, and so does a leading `Bearer`.
    ///
    /// # Errors
    /// If it is no token, or one that has expired.
    pub(crate) fn parse(text: &str, now: Moment) -> Result<Self, TokenError> {
        let text = text.trim().trim_start_matches("Bearer ").trim();
        let token = Token(text.into());
        let claims = token.read().ok_or(TokenError::Malformed)?;
        if claims.expires_at().is_some_and(|end| end <= now) {
            return Err(TokenError::Expired);
        }
        Ok(token)
    }

    /// The text for the server.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What it says of itself.
    pub(crate) fn claims(&self) -> Claims {
        self.read().unwrap_or_default()
    }

    fn read(&self) -> Option<Claims> {
        let mut parts = self.0.split('.');
        let (_, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || signature.is_empty() {
            return None;
        }
        serde_json::from_slice(&from_base64url(claims)?).ok()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Claims {
    /// Until when, on the clock of whoever signed it.
    pub(crate) fn expires_at(&self) -> Option<Moment> {
        self.exp.map(|seconds| seconds.saturating_mul(1_000))
    }
}

/// Takes `token=…` out of the part of an address behind `#`. Returns the token's text and what is left.
pub(crate) fn taken_from_fragment(fragment: &str) -> Option<(String, String)> {
    let parts = || {
        fragment
            .trim_start_matches('#')
            .split('&')
            .filter(|part| !part.is_empty())
    };
    let token = parts().find_map(|part| part.strip_prefix("token="))?;
    let rest: Vec<&str> = parts().filter(|part| !part.starts_with("token=")).collect();
    Some((token.to_owned(), rest.join("&")))
}

/// Decodes base64url without padding.
fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"sub":"ada","role":"operator","exp":2000000000}`
    const TOKEN: &str =
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJyb2xlIjoib3BlcmF0b3IiLCJleHAiOjIwMDAwMDAwMDB9.c2ln";
    const BEFORE: Moment = 1_999_999_999_000;

    #[test]
    fn a_pasted_token_says_who_it_is_for() {
        for pasted in [
            TOKEN.to_owned(),
            format!("  {TOKEN}\n"),
            format!("Bearer {TOKEN}"),
        ] {
            let token = Token::parse(&pasted, BEFORE).unwrap();
            let claims = token.claims();
            assert_eq!(token.as_str(), TOKEN);
            assert_eq!(
                (claims.sub.as_deref(), claims.role.as_deref()),
                (Some("ada"), Some("operator"))
            );
            assert_eq!(claims.expires_at(), Some(BEFORE + 1_000));
        }
    }

    #[test]
    fn what_is_no_token_or_an_old_one_is_refused() {
        for text in [
            "",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            "eyJ9..c",
            &TOKEN.replace(".c2ln", "."),
            "not a token",
        ] {
            assert_eq!(Token::parse(text, BEFORE), Err(TokenError::Malformed), "{text}");
        }
        assert_eq!(Token::parse(TOKEN, BEFORE + 1_000), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_is_taken_out_of_the_fragment_and_the_rest_stays() {
        for (fragment, token, rest) in [
            ("#token=a.b.c", "a.b.c", ""),
            ("#x=1&token=a.b.c&y", "a.b.c", "x=1&y"),
        ] {
            assert_eq!(
                taken_from_fragment(fragment),
                Some((token.to_owned(), rest.to_owned()))
            );
        }
        assert_eq!(taken_from_fragment("#x=1"), None);
        assert_eq!(taken_from_fragment(""), None);
    }

    #[test]
    fn a_token_does_not_print() {
        assert_eq!(format!("{:?}", Token(TOKEN.into())), "Token(…)");
    }
}
