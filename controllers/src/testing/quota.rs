//! A quota that leaves no room.

use super::Cluster;
use crate::runtime::Kind;
use keelson_apiserver::storage::Call;
use serde_json::json;

impl Cluster {
    /// Makes a quota in `default` that lets no Pod in. Returns how many reads one refused attempt needs.
    pub async fn fill_quota(&self) -> u64 {
        let hard = json!({"pods": "0"});
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
            "spec": {"hard": hard}});
        self.create(Kind::ResourceQuota, "default", quota).await;
        let status = json!({"status": {"hard": hard, "used": {"pods": "0"}}});
        self.patch(Kind::ResourceQuota, "default/q", "status", status)
            .await;
        let before = self.kv.calls(Call::Range);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "refused"},
            "spec": {"containers": [{"name": "main", "image": "i"}]}});
        let created = self.try_create(Kind::Pod, "default", pod).await;
        assert!(created.is_err(), "the quota is used up");
        self.kv.calls(Call::Range) - before
    }
}
