//! Blocks of addresses, one for each node.

use super::*;
use crate::testing::Cluster;
use serde_json::Value;

async fn some_node(cluster: &Cluster, name: &str, spec: Value) {
    let node = json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name}, "spec": spec});
    cluster.create(Kind::Node, "", node).await;
}

fn blocks(world: &World) -> Vec<String> {
    let nodes = world.nodes.all();
    nodes.map(|node| node.spec.pod_cidr.clone()).collect()
}

/// All nodes have a block, and all blocks differ.
fn are_served(world: &World, nodes: usize) -> bool {
    let blocks = blocks(world);
    let different: BTreeSet<&String> = blocks.iter().filter(|block| !block.is_empty()).collect();
    blocks.len() == nodes && different.len() == nodes
}

#[test]
fn l6_a_range_has_blocks_that_do_not_overlap_and_begins_where_people_expect() {
    let range = Range::default();
    assert_eq!(range.blocks, 32_768);
    assert_eq!(range.block(0), "10.128.0.0/24");
    assert_eq!(range.block(range.start), "10.244.0.0/24");
    assert_eq!(range.block(range.blocks - 1), "10.255.255.0/24");
    for (text, expected) in [
        ("10.128.0.0/24", 0..1),
        ("10.128.1.7/32", 1..2),
        ("10.128.2.0/23", 2..4),
        ("10.0.0.0/8", 0..32_768),
        ("0.0.0.0/0", 0..32_768),
        ("10.127.255.0/24", 0..0),
        ("11.0.0.0/24", 32_768..32_768),
        ("fd00::/64", 0..0),
        ("10.128.0.0", 0..0),
        ("10.128.0.0/33", 0..0),
    ] {
        assert_eq!(range.overlapped(text), expected, "{text}");
    }
    let of =
        |first: [u8; 4], prefix, start: [u8; 4]| Range::new(first.into(), prefix, start.into());
    assert_eq!(of([10, 128, 0, 0], 9, [10, 244, 0, 0]), Some(range));
    assert_eq!(
        of([10, 0, 1, 0], 16, [10, 0, 1, 0]),
        None,
        "it does not begin there"
    );
    assert_eq!(of([10, 0, 0, 0], 25, [10, 0, 0, 0]), None, "no block fits");
    assert_eq!(
        of([10, 0, 0, 0], 16, [10, 1, 0, 0]),
        None,
        "the start is outside"
    );
}

#[test]
fn l6_behind_the_last_block_it_goes_on_at_the_beginning() {
    let range = Range::new([10, 0, 0, 0].into(), 22, [10, 0, 2, 0].into()).unwrap();
    let node = |name: &str, block: &str| {
        let mut node = Node::default();
        name.clone_into(&mut node.metadata.name);
        block.clone_into(&mut node.spec.pod_cidr);
        Arc::new(node)
    };
    let mut nodes = vec![node("x", "10.0.3.0/24")];
    nodes.extend((0..4).map(|number| node(&format!("n{number}"), "")));
    let picks = plan(range, nodes.iter());
    let picks: Vec<Option<&str>> = picks.iter().map(|(_, block)| block.as_deref()).collect();
    assert_eq!(
        picks,
        [
            Some("10.0.2.0/24"),
            Some("10.0.0.0/24"),
            Some("10.0.1.0/24"),
            None
        ]
    );
}

#[tokio::test]
async fn l6_every_node_gets_a_block_and_keeps_it_and_gives_it_back() {
    let cluster = Cluster::new().await;
    some_node(
        &cluster,
        "own",
        json!({"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}),
    )
    .await;
    for name in ["a", "b"] {
        some_node(&cluster, name, json!({})).await;
    }
    cluster.lead(|manager| manager.with(NodeIpam::default()));
    cluster
        .until("all have a block", |world| are_served(world, 3))
        .await;
    let block = async |name: &str| {
        let node = cluster.get(Kind::Node, name).await.expect("a node");
        assert_eq!(node["spec"]["podCIDRs"], json!([node["spec"]["podCIDR"]]));
        node["spec"]["podCIDR"].clone()
    };
    assert_eq!(block("a").await, "10.244.0.0/24");
    assert_eq!(block("b").await, "10.244.2.0/24");
    assert_eq!(block("own").await, "10.244.1.0/24");
    cluster.delete(Kind::Node, "a", None, None).await;
    some_node(&cluster, "c", json!({})).await;
    cluster
        .until("the next has one", |world| {
            world.nodes.get(&Key::cluster("c")).is_some() && are_served(world, 3)
        })
        .await;
    assert_eq!(block("c").await, "10.244.0.0/24");
}

#[tokio::test]
async fn l6_two_who_run_it_give_no_block_twice() {
    let cluster = Cluster::new().await;
    for _ in 0..2 {
        cluster.lead(|manager| manager.with(NodeIpam::default()));
    }
    for number in 0..100 {
        some_node(&cluster, &format!("n{number}"), json!({})).await;
    }
    let is_served = |world: &World| blocks(world).iter().all(|block| !block.is_empty());
    cluster
        .until("all have a block", |world| {
            world.nodes.len() == 100 && is_served(world)
        })
        .await;
    assert!(are_served(&cluster.ground.shared.read(), 100));
}

#[tokio::test(start_paused = true)]
async fn l6_a_node_that_finds_no_block_gets_one_when_there_is_one() {
    let cluster = Cluster::new().await;
    let range = Range::new([10, 0, 0, 0].into(), 23, [10, 0, 0, 0].into()).unwrap();
    cluster.lead(|manager| manager.with(NodeIpam::new(range)));
    for name in ["a", "b"] {
        some_node(&cluster, name, json!({})).await;
    }
    cluster
        .until("two have one", |world| are_served(world, 2))
        .await;
    some_node(&cluster, "c", json!({})).await;
    cluster.settle().await;
    assert_eq!(blocks(&cluster.ground.shared.read())[2], "");
    cluster.delete(Kind::Node, "a", None, None).await;
    cluster.advance(FULL).await;
    cluster
        .until("the third has one", |world| are_served(world, 2))
        .await;
}
