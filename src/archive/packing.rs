//! How people compress files, and how that shows in their first bytes.

/// How somebody compressed a file or an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// zstd.
    Zstd,
}

impl Packing {
    pub(super) fn of_content(head: &[u8]) -> Option<Packing> {
        let magics: [(&[u8], Packing); 3] = [
            (&[0x1f, 0x8b], Packing::Gzip),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Packing::Xz),
            (&[0x28, 0xb5, 0x2f, 0xfd], Packing::Zstd),
        ];
        // What pzstd writes first is a frame that is skipped.
        if matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
            return Some(Packing::Zstd);
        }
        let found = magics.iter().find(|(magic, _)| head.starts_with(magic));
        found.map(|(_, packing)| *packing)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Xz => "xz",
            Packing::Zstd => "zstd",
        }
    }

    /// How every stream begins.
    pub(super) fn magic(self) -> &'static [u8] {
        match self {
            Packing::Gzip => &[0x1f, 0x8b, 8],
            Packing::Xz => &[0xfd, b'7', b'z', b'X', b'Z', 0],
            Packing::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }

    /// Whether `head` is one byte from the head of a stream.
    pub(super) fn is_nearly(self, head: &[u8]) -> bool {
        let magic = self.magic();
        let same = magic.iter().zip(head).filter(|(a, b)| a == b);
        same.count() + 1 == magic.len()
    }

    /// Whether a stream begins with `head`, among bytes that may be anything.
    pub(super) fn begins(self, head: &[u8]) -> bool {
        head.starts_with(self.magic())
            && match self {
                // Flags, level and system.
                Packing::Gzip => matches!(
                    head,
                    [_, _, _, 0..=0x1f, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..]
                ),
                Packing::Xz | Packing::Zstd => true,
            }
    }
}
