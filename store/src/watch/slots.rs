//! A table whose rows keep their number while others come and go.

use std::ops::{Index, IndexMut};

/// Rows by number. Numbers of removed rows are used again.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots {
            rows: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    pub fn insert(&mut self, row: T) -> u32 {
        self.insert_with(|_| row)
    }

    /// Inserts a row that knows its number.
    pub fn insert_with(&mut self, row: impl FnOnce(u32) -> T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.rows[number as usize] = Some(row(number));
            return number;
        }
        let number = u32::try_from(self.rows.len()).expect("tables stay far below 2^32 rows");
        self.rows.push(Some(row(number)));
        number
    }

    pub fn remove(&mut self, number: u32) -> Option<T> {
        let row = self.rows.get_mut(number as usize)?.take();
        if row.is_some() {
            self.free.push(number);
        }
        row
    }

    pub fn get(&self, number: u32) -> Option<&T> {
        self.rows.get(number as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.rows.get_mut(number as usize)?.as_mut()
    }

    pub fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers in use, ascending.
    pub fn numbers(&self) -> Vec<u32> {
        let used = self.rows.iter().enumerate();
        used.filter(|(_, row)| row.is_some())
            .map(|(number, _)| number as u32)
            .collect()
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        self.get(number).expect("the number of a row in use")
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.get_mut(number).expect("the number of a row in use")
    }
}
