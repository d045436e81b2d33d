//! A zip archive of one stored (not compressed) file. The same content always gives the same bytes: what Lambda tells of
//! its code is their hash.
//!
//! Format: PKWARE's APPNOTE 6.3, sections 4.3.7 (local file header), 4.3.12 (central directory), 4.3.16 (its end).

/// A file's mode on Unix: a regular file that everybody may read. Lambda runs the code as another user.
const MODE: u32 = 0o100_644;
/// 1980-01-01, the first day that the format knows.
const DAY: u16 = 0x0021;
/// The version of the format that a stored file needs: 1.0.
const VERSION: u16 = 10;
/// Made on Unix (3), by the same version: the upper half of the external attributes is a mode.
const MADE_BY: u16 = 3 << 8 | VERSION;

/// The archive; `None` if the content is too long for the format, at 4 GiB.
pub(super) fn of_one_file(name: &str, content: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(content.len()).ok()?.to_le_bytes();
    let length = u16::try_from(name.len()).ok()?.to_le_bytes();
    // What local header and central directory say of the file: version, flags, method, time, day, checksum, sizes.
    let mut entry = Vec::new();
    entry.extend(VERSION.to_le_bytes());
    entry.extend([0; 6]);
    entry.extend(DAY.to_le_bytes());
    entry.extend(crc32(content).to_le_bytes());
    entry.extend(size);
    entry.extend(size);
    entry.extend(length);
    // No extra field.
    entry.extend([0; 2]);

    let mut archive = Vec::from(*b"PK\x03\x04");
    archive.extend(&entry);
    archive.extend(name.as_bytes());
    archive.extend(content);
    let directory_at = u32::try_from(archive.len()).ok()?;

    archive.extend(b"PK\x01\x02");
    archive.extend(MADE_BY.to_le_bytes());
    archive.extend(&entry);
    // No comment, on the first disk, no internal attributes.
    archive.extend([0; 6]);
    archive.extend((MODE << 16).to_le_bytes());
    // The local header stands at the beginning.
    archive.extend([0; 4]);
    archive.extend(name.as_bytes());
    let directory_size = u32::try_from(archive.len()).ok()? - directory_at;

    archive.extend(b"PK\x05\x06");
    // One disk with one entry.
    archive.extend([0, 0, 0, 0, 1, 0, 1, 0]);
    archive.extend(directory_size.to_le_bytes());
    archive.extend(directory_at.to_le_bytes());
    // No comment.
    archive.extend([0; 2]);
    Some(archive)
}

/// CRC-32 as in IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, &byte: &u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            let reduced = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            crc >> 1 ^ reduced
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn an_archive_has_its_three_parts() {
        let archive = of_one_file("index.py", b"pass").unwrap();
        assert_eq!(archive.len(), 30 + 8 + 4 + 46 + 8 + 22);
        assert_eq!(&archive[..4], b"PK\x03\x04");
        assert_eq!(&archive[30..42], b"index.pypass");
        assert_eq!(&archive[42..46], b"PK\x01\x02");
        let end = &archive[96..];
        assert_eq!(&end[..4], b"PK\x05\x06");
        // Size of the central directory, and where it begins.
        assert_eq!(&end[12..20], [54, 0, 0, 0, 42, 0, 0, 0]);
        assert_eq!(of_one_file("index.py", b"pass").unwrap(), archive);
    }
}
