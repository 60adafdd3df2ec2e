//! Numbers per row, each resource a column of its own.

use super::Row;
use crate::scheduler::amount::Amounts;
use crate::scheduler::pod::PodInfo;
use std::collections::HashMap;
use std::sync::Arc;

/// See the module. All columns of fixed resources have one number per row.
#[derive(Debug, Default)]
pub struct Columns {
    /// Thousandths of a CPU that Pods can have.
    pub cpu_m: Vec<i64>,
    /// Bytes of memory that Pods can have.
    pub memory: Vec<i64>,
    /// Bytes of disk that Pods can have.
    pub ephemeral: Vec<i64>,
    /// How many Pods there can be.
    pub pods_max: Vec<i64>,
    /// Thousandths of a CPU that are set aside.
    pub used_cpu_m: Vec<i64>,
    /// Bytes of memory that are set aside.
    pub used_memory: Vec<i64>,
    /// Bytes of disk that are set aside.
    pub used_ephemeral: Vec<i64>,
    /// How many Pods there are.
    pub pods: Vec<i64>,
    /// Thousandths of a CPU as scores count them.
    pub scored_cpu_m: Vec<i64>,
    /// Bytes of memory as scores count them.
    pub scored_memory: Vec<i64>,
    extended: HashMap<Arc<str>, Extended>,
}

/// One extended resource. Rows beyond the end have none.
#[derive(Debug, Default)]
struct Extended {
    all: Vec<i64>,
    used: Vec<i64>,
}

impl Columns {
    /// Makes room for this many rows.
    pub(super) fn grow(&mut self, rows: usize) {
        for column in [
            &mut self.cpu_m,
            &mut self.memory,
            &mut self.ephemeral,
            &mut self.pods_max,
            &mut self.used_cpu_m,
            &mut self.used_memory,
            &mut self.used_ephemeral,
            &mut self.pods,
            &mut self.scored_cpu_m,
            &mut self.scored_memory,
        ] {
            column.resize(rows, 0);
        }
    }

    /// What the node of a row has from now on.
    pub(super) fn set_allocatable(&mut self, row: Row, amounts: &Amounts, pods_max: i64) {
        self.cpu_m[row] = amounts.cpu_m;
        self.memory[row] = amounts.memory;
        self.ephemeral[row] = amounts.ephemeral;
        self.pods_max[row] = pods_max;
        for extended in self.extended.values_mut() {
            *at(&mut extended.all, row) = 0;
        }
        for (name, amount) in &amounts.extended {
            let extended = self.extended.entry(name.clone()).or_default();
            *at(&mut extended.all, row) = *amount;
        }
    }

    /// A Pod comes (`sign` 1) or goes (-1).
    pub(super) fn see(&mut self, row: Row, pod: &PodInfo, sign: i64) {
        let requests = &pod.requests;
        self.used_cpu_m[row] += sign * requests.cpu_m;
        self.used_memory[row] += sign * requests.memory;
        self.used_ephemeral[row] += sign * requests.ephemeral;
        self.pods[row] += sign;
        self.scored_cpu_m[row] += sign * pod.scored_cpu_m;
        self.scored_memory[row] += sign * pod.scored_memory;
        for (name, amount) in &requests.extended {
            let extended = self.extended.entry(name.clone()).or_default();
            *at(&mut extended.used, row) += sign * amount;
        }
    }

    /// How much of an extended resource a node has, and how much of it is set aside.
    pub fn extended(&self, name: &str, row: Row) -> (i64, i64) {
        let of = |column: &[i64]| column.get(row).copied().unwrap_or_default();
        let extended = self.extended.get(name);
        extended.map_or((0, 0), |extended| (of(&extended.all), of(&extended.used)))
    }
}

fn at(column: &mut Vec<i64>, row: Row) -> &mut i64 {
    if column.len() <= row {
        column.resize(row + 1, 0);
    }
    &mut column[row]
}
