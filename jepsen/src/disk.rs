//! A disk for each member: an image with a file system of its own, which can lose power, freeze and fill up.
//!
//! Where images cannot be mounted a disk is a plain directory, and says that it cannot do these things.

use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::mount::free_bytes;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

/// In the name of every directory that a run makes for its disks.
pub const SCRATCH: &str = "keelson-jepsen-";
/// `EXT4_IOC_SHUTDOWN` of Linux, which XFS knows, too.
const SHUTDOWN: libc::c_ulong = 0x8004_587d;
/// Says to it: the journal in memory is lost as well, as when the power goes.
const WITHOUT_JOURNAL: u32 = 2;
/// `FIFREEZE` and `FITHAW` of Linux.
const FREEZE: libc::c_ulong = 0xc004_5877;
const THAW: libc::c_ulong = 0xc004_5878;
/// Written and never synced before the power goes.
const CANARY: &str = "canary";
/// A disk is copied again when something has reached it meanwhile, so often.
const COPIES_MAX: usize = 5;
/// Fills a disk.
const BALLAST: &str = "ballast";

/// Where one member keeps its data.
#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    image: Option<PathBuf>,
    is_mounted: bool,
}

impl Disk {
    /// A plain directory.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn plain(directory: &Path) -> Check<Disk> {
        fs::create_dir_all(directory)?;
        Ok(Disk {
            directory: directory.to_owned(),
            image: None,
            is_mounted: false,
        })
    }

    /// A new image of this size, with ext4, mounted at `directory`.
    ///
    /// # Errors
    ///
    /// When this host does not allow it.
    pub fn image(directory: &Path, megabytes: u64) -> Check<Disk> {
        let mut disk = Disk::plain(directory)?;
        let image = directory.with_extension("img");
        File::create(&image)?.set_len(megabytes << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-m0"]).arg(&image))?;
        disk.image = Some(image);
        disk.mount()?;
        Ok(disk)
    }

    /// An image that is there already, mounted at `directory`.
    ///
    /// # Errors
    ///
    /// When it cannot be mounted.
    pub fn of(image: &Path, directory: &Path) -> Check<Disk> {
        let mut disk = Disk::plain(directory)?;
        disk.image = Some(image.to_owned());
        disk.mount()?;
        Ok(disk)
    }

    /// Copies the image: what would be there if the power went now. The member must stand still meanwhile. Holds a
    /// file that was never synced, see [`Disk::lacks_canary`].
    ///
    /// # Errors
    ///
    /// When the disk is no image, or never stands still.
    pub fn copy(&self, to: &Path) -> Check {
        let image = some("an image", self.image.as_ref())?;
        let canary = self.directory.join(CANARY);
        fs::write(&canary, b"never synced")?;
        let copied = self.copy_of_one_moment(image, to);
        fs::remove_file(canary)?;
        holds("the disk stood still while it was copied", copied?)
    }

    /// A copy takes its time. It is of one moment if nothing has reached the disk meanwhile.
    fn copy_of_one_moment(&self, image: &Path, to: &Path) -> Check<bool> {
        for _ in 0..COPIES_MAX {
            let before = self.writes()?;
            let mut copy = Command::new("cp");
            run(copy.arg("--sparse=always").args([image, to]))?;
            if before.is_some() && before == self.writes()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a disk that was copied has lost what was not synced.
    ///
    /// # Errors
    ///
    /// When what is there cannot be removed.
    pub fn lacks_canary(&self) -> Check<bool> {
        let canary = self.directory.join(CANARY);
        let lost = fs::read(&canary).map_or(true, |found| found.is_empty());
        if canary.exists() {
            fs::remove_file(canary)?;
        }
        Ok(lost)
    }

    /// How many writes have reached the disk so far; nothing while one is on its way.
    fn writes(&self) -> Check<Option<u64>> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let of = |line: &&str| line.split(' ').nth(1).map(Path::new) == Some(&self.directory);
        let line = some("a mount", mounts.lines().rev().find(of))?;
        let device = some("a device", line.split(' ').next())?;
        let name = device.trim_start_matches("/dev/");
        let text = fs::read_to_string(format!("/sys/block/{name}/stat"))?;
        let numbers = text.split_whitespace().map(str::parse::<u64>);
        let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
        let written = some("a count of writes", numbers.get(4))?;
        let under_way = some("a count of what is on its way", numbers.get(8))?;
        Ok((*under_way == 0).then_some(*written))
    }

    /// Where the member's files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether it can lose power, freeze and fill up.
    pub fn is_image(&self) -> bool {
        self.image.is_some()
    }

    fn mount(&mut self) -> Check {
        if let (Some(image), false) = (&self.image, self.is_mounted) {
            let mut mount = Command::new("mount");
            run(mount.args(["-o", "loop"]).arg(image).arg(&self.directory))?;
            self.is_mounted = true;
        }
        Ok(())
    }

    /// The power goes: what was not synced is lost, and every write from here on fails. The member must be killed
    /// after this and before [`Disk::power_on`].
    ///
    /// # Errors
    ///
    /// When the disk is no image, or the kernel refuses.
    pub fn power_off(&self) -> Check {
        holds("the disk is an image", self.image.is_some())?;
        // Not synced: whether it is gone afterwards says whether anything was lost at all.
        fs::write(self.directory.join(CANARY), b"never synced")?;
        let root = File::open(&self.directory)?;
        let flags = WITHOUT_JOURNAL;
        // SAFETY: the call reads one 32-bit number, which outlives it.
        match unsafe { libc::ioctl(root.as_raw_fd(), SHUTDOWN, &flags) } {
            0 => Ok(()),
            _ => Err(Failure::from(std::io::Error::last_os_error())),
        }
    }

    /// Mounts it again. Returns whether bytes were really lost.
    ///
    /// # Errors
    ///
    /// When it cannot be mounted.
    pub fn power_on(&mut self) -> Check<bool> {
        run(Command::new("umount").arg(&self.directory))?;
        self.is_mounted = false;
        self.mount()?;
        self.lacks_canary()
    }

    /// Every write waits from here on.
    ///
    /// # Errors
    ///
    /// When the disk is no image, or the kernel refuses.
    pub fn freeze(&self) -> Check {
        holds("the disk is an image", self.image.is_some())?;
        freeze(&self.directory)
    }

    /// Writes go on.
    ///
    /// # Errors
    ///
    /// When it was not frozen.
    pub fn thaw(&self) -> Check {
        thaw(&self.directory)
    }

    /// Takes all space that is free. Returns how many bytes are left for others.
    ///
    /// # Errors
    ///
    /// When the disk is no image.
    pub fn fill(&self) -> Check<u64> {
        holds("the disk is an image", self.image.is_some())?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.join(BALLAST))?;
        let mut taken = 0;
        // Reserved, not written: that takes no time.
        for block in [64 << 20, 1 << 20, 4096] {
            // SAFETY: the descriptor is open, and the call touches no memory.
            while unsafe { libc::posix_fallocate(file.as_raw_fd(), taken, block) } == 0 {
                taken += block;
            }
        }
        free_bytes(&self.directory)
    }

    /// Frees what [`Disk::fill`] took, for good.
    ///
    /// # Errors
    ///
    /// When there was nothing.
    pub fn free(&self) -> Check {
        fs::remove_file(self.directory.join(BALLAST))?;
        sync_names(&self.directory)
    }

    /// Copies everything that is on it into a directory.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn keep(&self, to: &Path) -> Check {
        let mut copy = Command::new("cp");
        run(copy
            .args(["-r", "--sparse=always"])
            .arg(&self.directory)
            .arg(to))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = self.thaw();
            // Lazily: a process that was just killed may still hold it.
            let _ = Command::new("umount")
                .arg("-l")
                .arg(&self.directory)
                .status();
        }
    }
}

/// Freezes the file system mounted at a directory.
///
/// # Errors
///
/// When the kernel refuses.
pub fn freeze(directory: &Path) -> Check {
    whole_disk(directory, FREEZE)
}

/// Thaws the file system mounted at a directory.
///
/// # Errors
///
/// When it is not frozen.
pub fn thaw(directory: &Path) -> Check {
    whole_disk(directory, THAW)
}

/// A power cut takes nothing back of what came to a directory, went or got another name. So it is with all that a
/// fault does to a disk: a fault that has ended must not come back.
///
/// # Errors
///
/// The directory's.
pub fn sync_names(directory: &Path) -> Check {
    Ok(File::open(directory)?.sync_all()?)
}

/// A call that means a whole file system.
fn whole_disk(directory: &Path, what: libc::c_ulong) -> Check {
    let root = File::open(directory)?;
    // SAFETY: these two calls ignore their argument.
    match unsafe { libc::ioctl(root.as_raw_fd(), what, 0) } {
        0 => Ok(()),
        _ => Err(Failure::from(std::io::Error::last_os_error())),
    }
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Check {
    let output = command.output().map_err(|error| {
        let program = command.get_program().display();
        Failure::new(format!("{program} cannot be started: {error}"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::new(format!("{command:?}: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_kit::tools::skip;

    #[test]
    fn a_power_cut_does_not_fill_a_disk_again() {
        let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir().unwrap();
        let mut disk = match Disk::image(&scratch.path().join("disk"), 16) {
            Ok(disk) => disk,
            Err(failure) => {
                skip("a power cut of a full disk", &failure.to_string());
                return;
            }
        };
        let before = free_bytes(disk.directory()).unwrap();
        assert!(disk.fill().unwrap() < 64 << 10);
        sync_names(disk.directory()).unwrap();
        disk.free().unwrap();
        disk.power_off().unwrap();
        assert!(disk.power_on().unwrap(), "what was not synced is lost");
        let after = free_bytes(disk.directory()).unwrap();
        assert!(after > before / 2, "{after} of {before} bytes are free");
    }
}
