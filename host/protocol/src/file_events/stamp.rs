//! What tells one state of a file from another.

/// A time of a file, as the file system gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileTime {
    /// Seconds since the epoch.
    pub seconds: i64,
    /// Nanoseconds on top.
    pub nanos: u32,
}

/// One state of a file: a rewritten, replaced or renamed file has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// Number of the file on its device.
    pub inode: u64,
    /// When it was made, where the file system knows.
    pub born: FileTime,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was written, as far as its writer does not say otherwise.
    pub modified: FileTime,
    /// When it was changed in any way, by a clock that its writer cannot set.
    pub changed: FileTime,
    /// Kind and permissions.
    pub mode: u32,
}

/// Which file it is, whatever it holds. The number of a deleted file is given out
/// again, so the time at which it was made belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity(u64, FileTime);

impl FileStamp {
    /// The bytes of a stamp on the disk.
    pub const BYTES: usize = 64;

    /// Returns which file it is.
    pub fn identity(&self) -> FileIdentity {
        FileIdentity(self.inode, self.born)
    }

    /// Tells whether it is the same file with the same content, maybe under
    /// another name.
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.identity() == other.identity()
            && self.bytes == other.bytes
            && self.modified == other.modified
    }

    /// Tells whether an app need not hear of the change from one to the other: only
    /// the mode is another, which explains the time of change.
    pub fn is_same_content(&self, other: &Self) -> bool {
        self.is_same_file(other) && (self.changed == other.changed || self.mode != other.mode)
    }

    /// Returns the stamp as bytes.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        };
        put(&self.inode.to_be_bytes());
        put(&self.bytes.to_be_bytes());
        for time in [self.born, self.modified, self.changed] {
            put(&time.seconds.to_be_bytes());
            put(&time.nanos.to_be_bytes());
        }
        put(&self.mode.to_be_bytes());
        bytes
    }

    /// Returns the stamp that these bytes are, if they are one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
            let (head, tail) = rest.split_first_chunk::<N>()?;
            *rest = tail;
            Some(*head)
        }
        let rest = &mut bytes.get(..Self::BYTES)?;
        let time = |rest: &mut &[u8]| {
            Some(FileTime {
                seconds: i64::from_be_bytes(take(rest)?),
                nanos: u32::from_be_bytes(take(rest)?),
            })
        };
        let (inode, n_bytes) = (
            u64::from_be_bytes(take(rest)?),
            u64::from_be_bytes(take(rest)?),
        );
        let (born, modified, changed) = (time(rest)?, time(rest)?, time(rest)?);
        Some(Self {
            inode,
            born,
            bytes: n_bytes,
            modified,
            changed,
            mode: u32::from_be_bytes(take(rest)?),
        })
    }
}
