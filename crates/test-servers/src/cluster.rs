//! A cluster whose slots can be moved.

use crate::redis::free_port;
use crate::{Plan, Programs, Server, until};

/// Three primaries that share the slots evenly.
#[derive(Debug)]
pub struct Cluster {
    /// Each holds a third of the slots.
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts the nodes, and waits until all of them know that the cluster is complete.
    pub async fn start(programs: &Programs) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            // The bus port would be 10000 above the port, which may be no port at all.
            let bus = free_port().to_string();
            let plan = Plan::plain(programs)
                .with(&["--cluster-enabled", "yes", "--cluster-port", &bus])
                .with(&["--cluster-node-timeout", "2000"]);
            nodes.push((plan.start().await, bus));
        }
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (at, ((node, _), (first, last))) in nodes.iter().zip(ranges).enumerate() {
            let epoch = (at + 1).to_string();
            assert_eq!(node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]), "OK");
            assert_eq!(node.ask(&["CLUSTER", "ADDSLOTSRANGE", first, last]), "OK");
        }
        for (other, bus) in &nodes[1..] {
            let port = other.port().to_string();
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, bus];
            assert_eq!(nodes[0].0.ask(&meet), "OK");
        }
        let nodes: Vec<Server> = nodes.into_iter().map(|(node, _)| node).collect();
        until("the cluster to be complete", async || {
            nodes
                .iter()
                .all(|node| {
                    let info = node.ask(&["CLUSTER", "INFO"]);
                    info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
                })
                .then_some(())
        })
        .await;
        Self { nodes }
    }

    /// Where the nodes are.
    pub fn seeds(&self) -> Vec<String> {
        self.nodes.iter().map(Server::address).collect()
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> u16 {
        let slot = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]);
        slot.parse().unwrap()
    }

    fn id(&self, node: usize) -> String {
        self.nodes[node].ask(&["CLUSTER", "MYID"])
    }

    /// Begins to move a slot: from now on keys of it that are not at `from` are asked for at `to`.
    pub fn open_slot(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let importing = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)];
        assert_eq!(self.nodes[to].ask(&importing), "OK");
        let migrating = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)];
        assert_eq!(self.nodes[from].ask(&migrating), "OK");
    }

    /// Moves one key of an open slot.
    pub fn move_key(&self, key: &str, from: usize, to: usize) {
        let port = self.nodes[to].port().to_string();
        let moved = self.nodes[from].ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
        assert!(moved == "OK" || moved == "NOKEY", "{moved}");
    }

    /// Moves the keys and the slot itself.
    pub fn close_slot(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        loop {
            let keys = self.nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            let Some(key) = keys.lines().find(|line| !line.is_empty()) else {
                break;
            };
            self.move_key(key, from, to);
        }
        let owner = self.id(to);
        for node in [to, from] {
            let set = ["CLUSTER", "SETSLOT", &slot, "NODE", &owner];
            assert_eq!(self.nodes[node].ask(&set), "OK");
        }
    }
}
