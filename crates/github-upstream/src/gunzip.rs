//! Decoding gzip in steps (RFC 1952): input as it comes, output in bounded portions, and no clean end before the end.

use std::error::Error as StdError;
use std::fmt;

use bytes::{Buf, Bytes};
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The compressed data is cut short or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GunzipError {
    Truncated,
    Header,
    Data,
    Checksum,
}

impl fmt::Display for GunzipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "gzip data is cut short",
            Self::Header => "gzip header is invalid",
            Self::Data => "gzip data is damaged",
            Self::Checksum => "gzip checksum does not match",
        })
    }
}

impl StdError for GunzipError {}

/// The state of one decoding.
#[derive(Debug)]
pub(crate) struct Gunzip {
    stage: Stage,
    inflate: Decompress,
    checksum: Crc,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The fixed ten bytes of the header: how many are behind, and its flags.
    /// In the stages that follow, `flags` are those whose optional parts are still to come.
    Fixed { behind: u8, flags: u8 },
    /// The two bytes that tell the length of the extra field.
    ExtraLength { flags: u8, low: Option<u8> },
    /// So many bytes to leave out.
    Skip { flags: u8, left: u16 },
    /// A name or comment, up to its zero byte.
    Text { flags: u8 },
    /// The deflated data (RFC 1951).
    Deflated,
    /// Checksum and length, eight bytes, little-endian.
    Trailer { behind: u8, value: u64 },
    /// After a member; another may follow (RFC 1952 §2.2).
    Between,
}

const HEADER_CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;
const START: Stage = Stage::Fixed {
    behind: 0,
    flags: 0,
};

impl Gunzip {
    pub(crate) fn new() -> Self {
        Self {
            stage: START,
            // Without zlib's own header: gzip's is read here.
            inflate: Decompress::new(false),
            checksum: Crc::new(),
        }
    }

    /// Decodes until the input is used up or the output's spare capacity is.
    ///
    /// Output that found no room stays inside: call again, with empty input too, while `output` comes back full.
    pub(crate) fn decode(
        &mut self,
        input: &mut Bytes,
        output: &mut Vec<u8>,
    ) -> Result<(), GunzipError> {
        loop {
            if self.stage == Stage::Deflated {
                if output.len() == output.capacity() || !self.inflate(input, output)? {
                    return Ok(());
                }
            } else if input.is_empty() {
                return Ok(());
            } else {
                self.stage = self.framing(input)?;
            }
        }
    }

    /// To be asked when the input has ended: has the data ended as well?
    pub(crate) fn finish(&self) -> Result<(), GunzipError> {
        match self.stage {
            Stage::Between => Ok(()),
            _ => Err(GunzipError::Truncated),
        }
    }

    /// One step of deflated data; false when there is nothing more to be had from this input.
    fn inflate(&mut self, input: &mut Bytes, output: &mut Vec<u8>) -> Result<bool, GunzipError> {
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let start = output.len();
        let status = self
            .inflate
            .decompress_vec(input, output, FlushDecompress::None)
            .map_err(|_| GunzipError::Data)?;
        self.checksum.update(&output[start..]);
        let read = self.inflate.total_in() - read;
        // Never more than the input's own length, which is a usize.
        input.advance(usize::try_from(read).unwrap_or(usize::MAX));
        if status == Status::StreamEnd {
            self.stage = Stage::Trailer {
                behind: 0,
                value: 0,
            };
            return Ok(true);
        }
        Ok(read > 0 || self.inflate.total_out() > written)
    }

    /// One step of what surrounds the data; the input is not empty.
    fn framing(&mut self, input: &mut Bytes) -> Result<Stage, GunzipError> {
        let byte = input.get_u8();
        Ok(match self.stage {
            Stage::Between => {
                self.inflate.reset(false);
                self.checksum.reset();
                Self::fixed(0, 0, byte)?
            }
            Stage::Fixed { behind, flags } => Self::fixed(behind, flags, byte)?,
            Stage::ExtraLength { flags, low: None } => Stage::ExtraLength {
                flags,
                low: Some(byte),
            },
            Stage::ExtraLength {
                flags,
                low: Some(low),
            } => match u16::from_le_bytes([low, byte]) {
                0 => Self::optional(flags),
                left => Stage::Skip { flags, left },
            },
            Stage::Skip { flags, left: 1 } => Self::optional(flags),
            Stage::Skip { flags, left } => Stage::Skip {
                flags,
                left: left - 1,
            },
            Stage::Text { flags } if byte == 0 => Self::optional(flags),
            Stage::Text { flags } => Stage::Text { flags },
            Stage::Trailer { behind, value } => self.trailer(behind, value, byte)?,
            Stage::Deflated => Stage::Deflated,
        })
    }

    fn fixed(behind: u8, flags: u8, byte: u8) -> Result<Stage, GunzipError> {
        match (behind, byte) {
            // Magic numbers, and 8 for deflate. RFC 1952 §2.3.1.2: reserved flags must be zero.
            (0, 0x1f) | (1, 0x8b) | (2, 8) => {}
            (0..=2, _) => return Err(GunzipError::Header),
            (3, flags) if flags & RESERVED != 0 => return Err(GunzipError::Header),
            _ => {}
        }
        let flags = if behind == 3 { byte } else { flags };
        Ok(match behind {
            9 => Self::optional(flags),
            _ => Stage::Fixed {
                behind: behind + 1,
                flags,
            },
        })
    }

    /// The parts stand in this order; each is done when its flag is gone.
    fn optional(flags: u8) -> Stage {
        if flags & EXTRA != 0 {
            let flags = flags & !EXTRA;
            Stage::ExtraLength { flags, low: None }
        } else if flags & NAME != 0 {
            let flags = flags & !NAME;
            Stage::Text { flags }
        } else if flags & COMMENT != 0 {
            let flags = flags & !COMMENT;
            Stage::Text { flags }
        } else if flags & HEADER_CHECKSUM != 0 {
            let flags = flags & !HEADER_CHECKSUM;
            Stage::Skip { flags, left: 2 }
        } else {
            Stage::Deflated
        }
    }

    fn trailer(&self, behind: u8, value: u64, byte: u8) -> Result<Stage, GunzipError> {
        let value = value | u64::from(byte) << (8 * behind);
        if behind < 7 {
            return Ok(Stage::Trailer {
                behind: behind + 1,
                value,
            });
        }
        let expected = u64::from(self.checksum.sum()) | u64::from(self.checksum.amount()) << 32;
        if value == expected {
            Ok(Stage::Between)
        } else {
            Err(GunzipError::Checksum)
        }
    }
}

#[cfg(test)]
mod tests;
