//! Frames: read as a server reads them, written as a server writes them.

use bytes::{Buf as _, BytesMut};

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A whole message: fragments are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: Opcode,
    pub(crate) payload: Vec<u8>,
}

/// Why the connection must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("fragments are not supported")]
    Fragment,
    #[error("reserved bits or opcode {0} in a frame")]
    Reserved(u8),
    #[error("a client's frame is not masked")]
    Unmasked,
    #[error("a control frame of {0} bytes")]
    LongControl(u64),
    #[error("a frame of {0} bytes")]
    TooLong(u64),
}

/// A client has no reason to send more than this in one frame.
pub(crate) const PAYLOAD_BYTES_MAX: u64 = 1 << 20;
/// RFC 6455, section 5.5.
const CONTROL_BYTES_MAX: u64 = 125;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

// === impl Opcode ===

impl Opcode {
    fn from_bits(bits: u8) -> Result<Self, FrameError> {
        match bits {
            0x0 => Err(FrameError::Fragment),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            other => Err(FrameError::Reserved(other)),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Takes the first frame out of what has arrived; `None` when it is not all there yet.
///
/// # Errors
/// [`FrameError`]: nothing sensible can follow.
pub(crate) fn decode(arrived: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let [first, second, ..] = arrived[..] else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(FrameError::Reserved(first & 0x70));
    }
    let opcode = Opcode::from_bits(first & 0x0f)?;
    if first & FIN == 0 {
        return Err(FrameError::Fragment);
    }
    if second & MASKED == 0 {
        return Err(FrameError::Unmasked);
    }
    let (length, at) = match second & 0x7f {
        126 => match arrived[2..] {
            [a, b, ..] => (u64::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        127 => match arrived[2..] {
            [a, b, c, d, e, f, g, h, ..] => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
            _ => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    if opcode.is_control() && length > CONTROL_BYTES_MAX {
        return Err(FrameError::LongControl(length));
    }
    let long = usize::try_from(length).ok().filter(|_| length <= PAYLOAD_BYTES_MAX);
    let Some(length) = long else { return Err(FrameError::TooLong(length)) };
    let [a, b, c, d, ref rest @ ..] = arrived[at..] else { return Ok(None) };
    let Some(masked) = rest.get(..length) else { return Ok(None) };
    let mask = [a, b, c, d];
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    arrived.advance(at + mask.len() + length);
    Ok(Some(Frame { opcode, payload }))
}

/// A server's frame: whole and unmasked.
pub(crate) fn encode(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![FIN | opcode.bits()];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client sends: `head` is its first byte.
    fn client(head: u8, payload: &[u8]) -> BytesMut {
        let mask = [1, 2, 3, 4];
        let mut frame = encode(Opcode::Text, payload);
        frame[0] = head;
        frame[1] |= MASKED;
        let at = frame.len() - payload.len();
        let masked: Vec<u8> =
            payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        frame.truncate(at);
        frame.extend(mask);
        frame.extend(masked);
        BytesMut::from(&frame[..])
    }

    #[test]
    fn frames_of_every_length_are_read_once_they_are_whole() {
        for length in [0, 1, 125, 126, 70_000] {
            let payload = vec![b'x'; length];
            let whole = client(0x81, &payload);
            let mut short = BytesMut::from(&whole[..whole.len() - 1]);
            assert_eq!(decode(&mut short), Ok(None), "{length}");
            let mut two = whole.clone();
            two.extend_from_slice(&client(0x89, b"p"));
            let text = Frame { opcode: Opcode::Text, payload };
            assert_eq!(decode(&mut two), Ok(Some(text)), "{length}");
            let ping = Frame { opcode: Opcode::Ping, payload: b"p".to_vec() };
            assert_eq!(decode(&mut two), Ok(Some(ping)));
            assert_eq!(decode(&mut two), Ok(None));
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: FrameError) {
        assert_eq!(decode(&mut BytesMut::from(bytes)), Err(expected));
    }

    #[test]
    fn what_watershed_does_not_take_closes_the_connection() {
        check(&client(0x01, b"half"), FrameError::Fragment);
        check(&client(0x80, b"rest"), FrameError::Fragment);
        check(&client(0xc1, b"compressed"), FrameError::Reserved(0x40));
        check(&client(0x83, b""), FrameError::Reserved(3));
        check(&[0x81, 0x01, b'x'], FrameError::Unmasked);
        check(&client(0x89, &[0; 126]), FrameError::LongControl(126));
        check(&[0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0], FrameError::TooLong(1 << 32));
    }

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        assert_eq!(encode(Opcode::Close, b""), [0x88, 0]);
        assert_eq!(encode(Opcode::Text, &[0; 126])[..4], [0x81, 126, 0, 126]);
        assert_eq!(encode(Opcode::Text, &[0; 65_536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
