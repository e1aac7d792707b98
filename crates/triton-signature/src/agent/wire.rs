//! The bytes that go to an agent and come back, without the socket.

use super::AgentError;

/// Ask for SHA-256 instead of SHA-1 (draft-ietf-sshm-ssh-agent, section 3.6.1).
pub(super) const RSA_SHA2_256: u32 = 2;

/// Longest number in an ECDSA signature: P-521 takes 66 bytes.
const MPINT_BYTES_MAX: usize = 66;

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// A key that the agent offers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// SSH wire form of the public key.
    pub(super) blob: Vec<u8>,
    pub(super) comment: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Identities(Vec<Identity>),
    Signature { name: String, bytes: Vec<u8> },
    Failure,
}

pub(super) fn list_request() -> Vec<u8> {
    frame(&[REQUEST_IDENTITIES])
}

pub(super) fn sign_request(blob: &[u8], message: &[u8], flags: u32) -> Vec<u8> {
    let mut body = vec![SIGN_REQUEST];
    put_string(&mut body, blob);
    put_string(&mut body, message);
    body.extend(flags.to_be_bytes());
    frame(&body)
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 4);
    put_string(&mut frame, body);
    frame
}

fn put_string(buffer: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing sent here comes near 4 GiB: messages are a header or two long.
    buffer.extend((bytes.len() as u32).to_be_bytes());
    buffer.extend(bytes);
}

// === impl Answer ===

impl Answer {
    /// Reads an answer without its length prefix.
    pub(super) fn parse(answer: &[u8]) -> Result<Self, AgentError> {
        let (kind, rest) = answer.split_first().ok_or(SHORT)?;
        let mut reader = Reader(rest);
        match *kind {
            FAILURE => Ok(Self::Failure),
            IDENTITIES_ANSWER => {
                let count = reader.u32()?;
                // Collected one by one: the count is the agent's word, the bytes are what is there.
                (0..count)
                    .map(|_| reader.identity())
                    .collect::<Result<_, _>>()
                    .map(Self::Identities)
            }
            SIGN_RESPONSE => {
                let mut signature = Reader(reader.string()?);
                let name = String::from_utf8_lossy(signature.string()?).into_owned();
                Ok(Self::Signature { name, bytes: signature.string()?.to_vec() })
            }
            _ => Err(AgentError::Garbled { what: "its type is unknown" }),
        }
    }
}

/// SSH gives ECDSA signatures as two mpints (RFC 5656, section 3.1.2), CloudAPI wants DER (RFC 3279, section 2.2.3).
///
/// An mpint's bytes are already those of a DER INTEGER: two's complement, big-endian, as short as can be.
pub(super) fn der_from_mpints(bytes: &[u8]) -> Result<Vec<u8>, AgentError> {
    let mut reader = Reader(bytes);
    let mut body = Vec::with_capacity(bytes.len());
    for _ in 0..2 {
        let number = reader.string()?;
        let is_minimal = match number {
            [] => false,
            [0, next, ..] => *next >= 0x80,
            [first, ..] => *first < 0x80 && *first > 0,
        };
        if !is_minimal || number.len() > MPINT_BYTES_MAX {
            return Err(AgentError::Garbled { what: "an ECDSA signature out of form" });
        }
        body.extend([0x02, number.len() as u8]);
        body.extend(number);
    }
    if !reader.0.is_empty() {
        return Err(AgentError::Garbled { what: "bytes after an ECDSA signature" });
    }
    let mut der = vec![0x30];
    match u8::try_from(body.len()) {
        Ok(short @ 0..=127) => der.push(short),
        Ok(long) => der.extend([0x81, long]),
        Err(_) => return Err(AgentError::Garbled { what: "an ECDSA signature too long" }),
    }
    der.extend(body);
    Ok(der)
}

const SHORT: AgentError = AgentError::Garbled { what: "it ends too early" };

/// What is left of an answer.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn u32(&mut self) -> Result<u32, AgentError> {
        let (number, rest) = self.0.split_first_chunk::<4>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Result<&'a [u8], AgentError> {
        let length = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn identity(&mut self) -> Result<Identity, AgentError> {
        let blob = self.string()?.to_vec();
        let comment = String::from_utf8_lossy(self.string()?).into_owned();
        Ok(Identity { blob, comment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_bytes_of_the_draft() {
        assert_eq!(list_request(), [0, 0, 0, 1, 11]);
        assert_eq!(
            sign_request(b"k", b"m", RSA_SHA2_256),
            [0, 0, 0, 15, 13, 0, 0, 0, 1, b'k', 0, 0, 0, 1, b'm', 0, 0, 0, 2]
        );
    }

    #[test]
    fn a_list_is_read() {
        let list = [12, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8, 0, 0, 0, 1, b'c'];
        let identity = Identity { blob: vec![7, 8], comment: "c".to_owned() };
        assert_eq!(Answer::parse(&list).unwrap(), Answer::Identities(vec![identity]));
        assert_eq!(Answer::parse(&[5]).unwrap(), Answer::Failure);
    }

    #[test]
    fn an_answer_cut_anywhere_is_an_error() {
        let list = [12, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8, 0, 0, 0, 1, b'c'];
        for end in 0..list.len() {
            assert!(Answer::parse(&list[..end]).is_err(), "{end}");
        }
        assert!(Answer::parse(&[12, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(Answer::parse(&[99]).is_err());
    }

    #[track_caller]
    fn check_der(mpints: &[&[u8]], expected: Option<&[u8]>) {
        let mut bytes = Vec::new();
        mpints.iter().for_each(|number| put_string(&mut bytes, number));
        assert_eq!(der_from_mpints(&bytes).ok().as_deref(), expected);
    }

    #[test]
    fn mpints_become_der_integers() {
        check_der(&[&[1], &[0, 0x80]], Some(&[0x30, 7, 2, 1, 1, 2, 2, 0, 0x80]));
        check_der(&[&[1]], None);
        check_der(&[&[1], &[2], &[3]], None);
        check_der(&[&[], &[2]], None);
        check_der(&[&[0], &[2]], None);
        check_der(&[&[0x80], &[2]], None);
        check_der(&[&[0, 1], &[2]], None);
    }

    #[test]
    fn lengths_past_127_take_the_long_form() {
        let number = [1; 66];
        let mut bytes = Vec::new();
        put_string(&mut bytes, &number);
        put_string(&mut bytes, &number);
        let der = der_from_mpints(&bytes).unwrap();
        assert_eq!(der[..5], [0x30, 0x81, 136, 2, 66]);
        assert_eq!(der.len(), 139);
    }
}
