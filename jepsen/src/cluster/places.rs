//! Places for members: who belongs to the cluster, who comes to an empty place, who leaves one.

use super::Cluster;
use keelson_kit::check::Check;
use std::fs;

const EVERYONE: &str = "--initial-cluster=";
const STATE: &str = "--initial-cluster-state=";

impl Cluster {
    /// Places, counted from zero and in order, of the members that belong to the cluster, running or not.
    pub fn present(&self) -> Vec<usize> {
        self.present.iter().copied().collect()
    }

    /// Places where no member is.
    pub fn vacant(&self) -> Vec<usize> {
        let all = 0..self.members.len();
        all.filter(|i| !self.present.contains(i)).collect()
    }

    /// Where the others find the member of a place.
    pub fn peer_url(&self, i: usize) -> &str {
        &self.members[i].peer_url
    }

    /// From here on a member of this place belongs to the cluster, which has added it before. When it is started
    /// it joins one of `everyone`: names with peer URLs, itself among them.
    pub fn arrives(&mut self, i: usize, everyone: &str) {
        self.present.insert(i);
        for argument in &mut self.members[i].arguments {
            if argument.starts_with(EVERYONE) {
                *argument = format!("{EVERYONE}{everyone}");
            } else if argument.starts_with(STATE) {
                *argument = format!("{STATE}existing");
            }
        }
    }

    /// The member of this place does not belong to the cluster any more. Its process may go on for a while.
    pub fn departs(&mut self, i: usize) {
        self.present.remove(&i);
    }

    /// Throws away what the member of a place has written. It must not run.
    ///
    /// # Errors
    ///
    /// When the disk does not let it go.
    pub fn wipe(&self, i: usize) -> Check {
        let data = self.data(i);
        if data.exists() {
            fs::remove_dir_all(data)?;
        }
        Ok(())
    }
}
