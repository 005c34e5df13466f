//! Content codings (RFC 9110, 8.4.1): decoding with a bound on the decoded size, and encoding.
//!
//! The codecs decode from memory into memory. The streaming decoders of actix and of `async-compression` write a
//! chunk without a bound: one of 64 KiB becomes 64 MiB of gzip, and far more of brotli.

use std::io::{self, Read, Write};

use flate2::{Compression, Decompress, FlushDecompress, Status};

/// The codings that requests may have, as a value of `Accept-Encoding`.
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// The largest window of zstd, 8 MiB (RFC 9659). Frames can demand more than a gigabyte.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The decoder reads and writes in steps of this size.
const STEP: usize = 8 * 1024;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gzip,
    /// The zlib format.
    Deflate,
    Brotli,
    Zstd,
}

/// Why a body cannot be decoded.
#[derive(Debug)]
pub enum Failure<E> {
    /// It is not in the format, or not all of it.
    Corrupt,
    /// It is larger than the limit.
    TooLarge,
    /// Memory for it was not granted.
    Rejected(E),
}

impl Encoding {
    pub fn parse(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match () {
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("deflate") => Some(Self::Deflate),
            () if is("br") => Some(Self::Brotli),
            () if is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Decodes at most `limit` bytes. `reserve` grants memory before it is taken.
    pub fn decode<E>(
        self,
        encoded: &[u8],
        limit: usize,
        mut reserve: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<u8>, Failure<E>> {
        let mut reader: Box<dyn Read + '_> = match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(encoded)),
            Self::Deflate => Box::new(Zlib { decompress: Decompress::new(true), encoded }),
            Self::Brotli => Box::new(brotli::Decompressor::new(encoded, STEP)),
            Self::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(encoded).map_err(|_| Failure::Corrupt)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| Failure::Corrupt)?;
                Box::new(decoder)
            }
        };
        let (mut decoded, mut step) = (Vec::new(), [0; STEP]);
        loop {
            let read = reader.read(&mut step).map_err(|_| Failure::Corrupt)?;
            if read == 0 {
                return Ok(decoded);
            }
            let length = decoded.len() + read;
            if length > limit {
                return Err(Failure::TooLarge);
            }
            if length > decoded.capacity() {
                let capacity = length.max(2 * decoded.capacity()).max(STEP).min(limit.max(length));
                reserve(capacity - decoded.capacity()).map_err(Failure::Rejected)?;
                decoded.reserve_exact(capacity - decoded.len());
            }
            decoded.extend_from_slice(&step[..read]);
        }
    }

    /// Encodes at a speed that suits responses.
    pub fn encode(self, body: &[u8]) -> io::Result<Vec<u8>> {
        let encoded = Vec::with_capacity(body.len() / 4);
        match self {
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(encoded, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(encoded, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(encoded, STEP, 3, 18);
                encoder.write_all(body)?;
                Ok(encoder.into_inner())
            }
            Self::Zstd => zstd::stream::encode_all(body, 1),
        }
    }
}

/// Decodes zlib. The reader of `flate2` takes the end of the input for the end of the stream.
struct Zlib<'a> {
    decompress: Decompress,
    encoded: &'a [u8],
}

impl Read for Zlib<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (taken, written) = (self.decompress.total_in(), self.decompress.total_out());
            let status = self.decompress.decompress(self.encoded, buffer, FlushDecompress::None)?;
            let taken = usize::try_from(self.decompress.total_in() - taken).unwrap_or(usize::MAX);
            let written = usize::try_from(self.decompress.total_out() - written).unwrap_or(usize::MAX);
            self.encoded = self.encoded.get(taken..).unwrap_or_default();
            match status {
                _ if written > 0 => return Ok(written),
                Status::StreamEnd if self.encoded.is_empty() => return Ok(0),
                Status::StreamEnd => return Err(io::ErrorKind::InvalidData.into()),
                _ if taken == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 4] = [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];

    /// Grants any memory.
    fn free(bytes: usize) -> Result<(), usize> {
        if bytes < usize::MAX { Ok(()) } else { Err(bytes) }
    }

    #[test]
    fn encoded_bodies_decode_to_themselves_up_to_the_limit() {
        let body: Vec<u8> =
            (0..20_000_u32).flat_map(|n| format!("{{\"number\":{n}}},").into_bytes()).collect();
        for encoding in ALL {
            assert_eq!(Encoding::parse(encoding.name()), Some(encoding));
            assert_eq!(encoding.decode(&encoding.encode(b"").unwrap(), 0, free).unwrap(), b"");
            let encoded = encoding.encode(&body).unwrap();
            assert!(encoded.len() < body.len() / 2, "{encoding:?}");
            let mut reserved = 0;
            let reserve = |bytes| {
                reserved += bytes;
                Ok::<_, ()>(())
            };
            assert_eq!(encoding.decode(&encoded, body.len(), reserve).unwrap(), body, "{encoding:?}");
            assert_eq!(reserved, body.len(), "{encoding:?} reserves what it takes");
            let short = encoding.decode(&encoded, body.len() - 1, free);
            assert!(matches!(short, Err(Failure::TooLarge)), "{encoding:?}");
            let rejected = encoding.decode(&encoded, body.len(), |_| Err("no"));
            assert!(matches!(rejected, Err(Failure::Rejected("no"))), "{encoding:?}");
            for length in [0, 1, 10, encoded.len() / 2, encoded.len() - 1] {
                let cut = encoding.decode(&encoded[..length], body.len(), free);
                assert!(matches!(cut, Err(Failure::Corrupt)), "{encoding:?} {length}");
            }
            assert!(
                matches!(encoding.decode(b"{\"a\":1}", 100, free), Err(Failure::Corrupt)),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn bombs_take_no_more_memory_than_the_limit() {
        let body = vec![b' '; 64 << 20];
        for encoding in ALL {
            let bomb = encoding.encode(&body).unwrap();
            let mut reserved = 0;
            let reserve = |bytes| {
                reserved += bytes;
                Ok::<_, ()>(())
            };
            assert!(
                matches!(encoding.decode(&bomb, 1 << 20, reserve), Err(Failure::TooLarge)),
                "{encoding:?}"
            );
            assert!(reserved <= 1 << 20, "{encoding:?}: {reserved}");
        }
    }

    #[test]
    fn frames_with_a_huge_window_are_rejected() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(b"{}").unwrap();
        let frame = encoder.finish().unwrap();
        assert!(matches!(Encoding::Zstd.decode(&frame, 100, free), Err(Failure::Corrupt)));
    }
}
