//! The server's half of RFB 3.8 (RFC 6143), for a screen on which nothing happens.

/// Width and height of the screen, in pixels.
const SIZE: (u16, u16) = (160, 100);
/// Blue, green and red of every pixel, and a byte of padding: the colour of a console that says nothing.
const PIXEL: [u8; 4] = [0x40, 0x20, 0x10, 0];
/// RFC 6143, section 7.4: 32 bits a pixel, depth 24, little endian, true colour, eight bits for each of red, green, blue.
const PIXEL_FORMAT: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
/// The protocol version, which is also what is said first.
pub(super) const GREETING: &[u8; 12] = b"RFB 003.008\n";
/// Security type "None", RFC 6143, section 7.1.2.
const NO_SECURITY: u8 = 1;
/// Longer messages nobody means.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// A conversation.
#[derive(Debug)]
pub(super) struct Rfb {
    name: String,
    stage: Stage,
    heard: Vec<u8>,
}

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Version,
    Security,
    ClientInit,
    Messages,
}

/// The other side does not speak RFB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotRfb;

// === impl Rfb ===

impl Rfb {
    /// A conversation about the screen of this name, after the [`GREETING`].
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), stage: Stage::Version, heard: Vec::new() }
    }

    /// Hears some bytes; returns what there is to say.
    ///
    /// # Errors
    /// [`NotRfb`]: there is nothing more to say.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<Vec<u8>, NotRfb> {
        self.heard.extend_from_slice(bytes);
        if self.heard.len() > MESSAGE_BYTES_MAX {
            return Err(NotRfb);
        }
        let mut said = Vec::new();
        while let Some(length) = self.next_length()?.filter(|length| *length <= self.heard.len()) {
            let message: Vec<u8> = self.heard.drain(..length).collect();
            said.extend(self.answer(&message)?);
        }
        Ok(said)
    }

    /// How long the next message is, once enough of it is there to tell.
    fn next_length(&self) -> Result<Option<usize>, NotRfb> {
        let fixed = match self.stage {
            Stage::Version => GREETING.len(),
            Stage::Security | Stage::ClientInit => 1,
            Stage::Messages => return self.message_length(),
        };
        Ok(Some(fixed))
    }

    /// RFC 6143, section 7.5.
    fn message_length(&self) -> Result<Option<usize>, NotRfb> {
        let heard = &self.heard;
        let Some(kind) = heard.first() else { return Ok(None) };
        let length = match kind {
            // SetPixelFormat, FramebufferUpdateRequest, KeyEvent, PointerEvent.
            0 => 20,
            3 => 10,
            4 => 8,
            5 => 6,
            // SetEncodings and ClientCutText say how much follows.
            2 => match heard.get(2..4) {
                Some(&[high, low]) => 4 + 4 * usize::from(u16::from_be_bytes([high, low])),
                _ => return Ok(None),
            },
            6 => match heard.get(4..8).and_then(|length| <[u8; 4]>::try_from(length).ok()) {
                Some(length) => {
                    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| NotRfb)?;
                    length.checked_add(8).ok_or(NotRfb)?
                }
                None => return Ok(None),
            },
            _ => return Err(NotRfb),
        };
        if length > MESSAGE_BYTES_MAX { Err(NotRfb) } else { Ok(Some(length)) }
    }

    fn answer(&mut self, message: &[u8]) -> Result<Vec<u8>, NotRfb> {
        match self.stage {
            Stage::Version if !message.starts_with(b"RFB 003.") => Err(NotRfb),
            Stage::Version => {
                self.stage = Stage::Security;
                Ok(vec![1, NO_SECURITY])
            }
            Stage::Security if message != [NO_SECURITY] => Err(NotRfb),
            Stage::Security => {
                self.stage = Stage::ClientInit;
                Ok(vec![0, 0, 0, 0])
            }
            Stage::ClientInit => {
                self.stage = Stage::Messages;
                Ok(self.server_init())
            }
            // Who asks for the whole screen gets it; what is new since then never comes.
            Stage::Messages if message.starts_with(&[3, 0]) => Ok(screen()),
            Stage::Messages => Ok(Vec::new()),
        }
    }

    fn server_init(&self) -> Vec<u8> {
        let name = self.name.as_bytes();
        let length = u32::try_from(name.len()).unwrap_or(0);
        let mut said = Vec::new();
        said.extend(SIZE.0.to_be_bytes());
        said.extend(SIZE.1.to_be_bytes());
        said.extend(PIXEL_FORMAT);
        said.extend(length.to_be_bytes());
        said.extend(name);
        said
    }
}

/// FramebufferUpdate with one rectangle in raw encoding.
fn screen() -> Vec<u8> {
    let mut said = vec![0, 0];
    said.extend(1_u16.to_be_bytes());
    for number in [0, 0, SIZE.0, SIZE.1] {
        said.extend(number.to_be_bytes());
    }
    said.extend(0_i32.to_be_bytes());
    said.extend(PIXEL.repeat(usize::from(SIZE.0) * usize::from(SIZE.1)));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Rfb {
        let mut rfb = Rfb::new("vm");
        assert_eq!(rfb.hear(GREETING), Ok(vec![1, 1]));
        assert_eq!(rfb.hear(&[1]), Ok(vec![0; 4]));
        let init = rfb.hear(&[1]).unwrap();
        assert_eq!((&init[..4], init.len()), (&[0, 160, 0, 100][..], 26));
        assert!(init.ends_with(b"\0\0\0\x02vm"));
        rfb
    }

    #[test]
    fn the_whole_screen_comes_when_it_is_asked_for() {
        let mut rfb = begun();
        let screen = rfb.hear(&[3, 0, 0, 0, 0, 0, 0, 160, 0, 100]).unwrap();
        assert_eq!(screen.len(), 16 + 160 * 100 * 4);
        let incremental = rfb.hear(&[3, 1, 0, 0, 0, 0, 0, 160, 0, 100]);
        assert_eq!(incremental, Ok(Vec::new()), "nothing happens on it");
    }

    #[test]
    fn messages_may_come_in_pieces_and_together() {
        let mut rfb = begun();
        let mut all = vec![0; 20];
        all.extend([2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
        all.extend([4, 1, 0, 0, 0, 0, 0, 65]);
        all.extend([5, 0, 0, 1, 0, 1]);
        all.extend([6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i']);
        all.extend([3, 0, 0, 0, 0, 0, 0, 160, 0, 100]);
        let said: usize = all.iter().map(|byte| rfb.hear(&[*byte]).unwrap().len()).sum();
        assert_eq!(said, 16 + 160 * 100 * 4);
        assert_eq!(begun().hear(&all).unwrap().len(), said);
    }

    #[track_caller]
    fn check_refused(mut rfb: Rfb, bytes: &[u8]) {
        assert_eq!(rfb.hear(bytes), Err(NotRfb), "{bytes:?}");
    }

    #[test]
    fn what_is_no_rfb_ends_it() {
        check_refused(Rfb::new("vm"), b"GET / HTTP/1");
        check_refused(begun(), &[9]);
        check_refused(begun(), &[6, 0, 0, 0, 255, 255, 255, 255]);
        let mut rfb = Rfb::new("vm");
        rfb.hear(b"RFB 003.003\n").unwrap();
        check_refused(rfb, &[2]);
    }
}
