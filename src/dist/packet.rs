//! Packets: the length that stands in front of everything two nodes send each other.
//!
//! | Length size | Length | Where                                       |
//! | ----------- | ------ | ------------------------------------------- |
//! | 2           | `u16`  | in the handshake, over TCP                   |
//! | 4           | `u32`  | in the handshake over TLS, and always after it |
//!
//! The length is big-endian and does not count itself. A packet of length 0 after the handshake is a tick.
//!
//! Room for a packet is never made before its bytes have come: a length is only a claim.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// How many bytes a length has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LengthSize {
    /// Two bytes: the handshake over TCP.
    Two,
    /// Four bytes: everything over TLS, everything after the handshake.
    Four,
}

/// The longest packet that is read, in bytes, without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameLimit(pub u32);

impl FrameLimit {
    /// The limit during the handshake, when nothing is known of the other side: all that two bytes of length can
    /// say, though the messages have up to some 1,100 bytes.
    pub const HANDSHAKE: FrameLimit = FrameLimit(0xffff);

    /// The limit after the handshake, 1 GiB.
    ///
    /// BEAM nodes cut everything above 64 KiB into fragments, so this much comes only from nodes that negotiate
    /// without fragments. OTP itself has no limit here. Raise it to `u32::MAX` to have none either.
    pub const DEFAULT: FrameLimit = FrameLimit(1 << 30);
}

impl Default for FrameLimit {
    fn default() -> FrameLimit {
        FrameLimit::DEFAULT
    }
}

/// How packets are told apart in a stream of bytes.
///
/// ```
/// use bytes::BytesMut;
/// use erlnode::dist::packet::{FrameLimit, LengthSize, Packets};
/// let packets = Packets { length_size: LengthSize::Two, limit: FrameLimit::HANDSHAKE };
/// let mut buffer = BytesMut::from(&b"\x00\x03sok\x00"[..]);
/// assert_eq!(packets.take(&mut buffer)?.as_deref(), Some(&b"sok"[..]));
/// assert_eq!(packets.take(&mut buffer)?, None);
/// assert_eq!(buffer[..], b"\x00"[..]);
/// # Ok::<(), erlnode::dist::packet::PacketTooLong>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Packets {
    /// How many bytes a length has.
    pub length_size: LengthSize,
    /// Longer packets are refused.
    pub limit: FrameLimit,
}

impl Packets {
    /// Takes the next packet out of `buffer`, without its length; `None` if it has not come completely.
    ///
    /// The packet shares the memory of the buffer. Nothing is reserved: the caller reads more in pieces of its own
    /// choosing.
    ///
    /// # Errors
    /// [`PacketTooLong`], as soon as the length has come; the buffer is left as it was, and the connection cannot go
    /// on.
    pub fn take(&self, buffer: &mut BytesMut) -> Result<Option<Bytes>, PacketTooLong> {
        let (length, size) = match self.length_size {
            LengthSize::Two => match buffer.first_chunk() {
                Some(&bytes) => (u32::from(u16::from_be_bytes(bytes)), 2),
                None => return Ok(None),
            },
            LengthSize::Four => match buffer.first_chunk() {
                Some(&bytes) => (u32::from_be_bytes(bytes), 4),
                None => return Ok(None),
            },
        };
        if length > self.limit.0 {
            return Err(PacketTooLong { length, limit: self.limit.0 });
        }
        // On a machine with 16-bit addresses no buffer could hold it, so that it never comes completely.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if buffer.len() - size < length {
            return Ok(None);
        }
        buffer.advance(size);
        Ok(Some(buffer.split_to(length).freeze()))
    }
}

/// Appends a packet to `out`: its length, then what `body` writes.
///
/// `body` must write less than the length can say, as all handshake messages do.
pub(crate) fn put_packet(length_size: LengthSize, out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let mut packet = BytesMut::new();
    body(&mut packet);
    match length_size {
        LengthSize::Two => out.put_u16(u16::try_from(packet.len()).unwrap_or(u16::MAX)),
        LengthSize::Four => out.put_u32(u32::try_from(packet.len()).unwrap_or(u32::MAX)),
    }
    out.extend_from_slice(&packet);
}

/// The other side announced a packet that is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a packet of {length} bytes is announced, the limit is {limit}")]
pub struct PacketTooLong {
    /// The announced length.
    pub length: u32,
    /// The limit.
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Packets = Packets { length_size: LengthSize::Four, limit: FrameLimit(10) };

    #[test]
    fn packets_come_out_whole_however_they_arrive() {
        let stream = b"\x00\x00\x00\x03abc\x00\x00\x00\x00\x00\x00\x00\x01d";
        for size in 1..=stream.len() {
            let mut buffer = BytesMut::new();
            let mut packets = Vec::new();
            for piece in stream.chunks(size) {
                buffer.extend_from_slice(piece);
                while let Some(packet) = AFTER.take(&mut buffer).unwrap() {
                    packets.push(packet);
                }
            }
            assert_eq!(packets, [&b"abc"[..], b"", b"d"]);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn a_giant_length_reserves_nothing() {
        let packets = Packets { limit: FrameLimit(u32::MAX), ..AFTER };
        let mut buffer = BytesMut::from(&b"\xff\xff\xff\xffx"[..]);
        let capacity = buffer.capacity();
        assert_eq!(packets.take(&mut buffer), Ok(None));
        assert_eq!((buffer.len(), buffer.capacity()), (5, capacity));
    }

    #[test]
    fn the_limit_is_checked_before_the_packet_has_come() {
        let mut buffer = BytesMut::from(&b"\x00\x00\x00\x0b"[..]);
        assert_eq!(AFTER.take(&mut buffer), Err(PacketTooLong { length: 11, limit: 10 }));
    }
}
