//! What is read out of a kubeconfig.

use super::world::World;
use crate::kube::client::Config;
use std::path::Path;

#[test]
fn all_servers_of_the_cluster_are_known_and_those_of_other_clusters_are_not() {
    let world = World::new(0);
    let mine = keelson_apiserver::pki::Kubeconfig {
        name: "mine".to_owned(),
        servers: (1..4)
            .map(|port| format!("https://127.0.0.1:{port}"))
            .collect(),
        authority: world.authority.certificate().to_owned(),
        user: "admin".to_owned(),
        client: keelson_apiserver::pki::Client::admin()
            .issue(&world.authority, super::world::now())
            .unwrap(),
    };
    let other = keelson_apiserver::pki::Kubeconfig {
        name: "other".to_owned(),
        servers: vec!["https://other:6443".to_owned()],
        ..mine.clone()
    };
    let both = mine.merge_into(&other.to_yaml()).unwrap();
    let config = Config::parse(&both, Path::new("")).unwrap();
    let ports: Vec<u16> = config.servers.iter().map(|server| server.port).collect();
    assert_eq!(ports, [1, 2, 3]);
}

#[test]
fn a_file_that_cannot_be_used_says_why() {
    let refused = |text: &str| Config::parse(text, Path::new("")).map(drop).unwrap_err();
    assert!(refused("{}").contains("no context"), "{}", refused("{}"));
    let plain = r#"{"current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "http://here", "certificate-authority-data": "YQ=="}}],
        "users": [{"name": "a", "user": {}}]}"#;
    assert!(refused(plain).contains("no https://"), "{}", refused(plain));
    let bare = plain.replace(r#", "certificate-authority-data": "YQ==""#, "");
    assert!(
        refused(&bare).contains("no certificate-authority"),
        "{}",
        refused(&bare)
    );
}
