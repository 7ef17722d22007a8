//! Who is next: classes of urgency by weight, clients of a class in turn, each client's own requests in order.
//!
//! No client waits for another one's backlog, and no class for ever: of 13 turns with all classes waiting, the urgent
//! one has 8, the normal one 4, the other one 1.

use std::collections::{HashMap, VecDeque};

/// Who shares a credential with others: whatever tells clients apart, hashed by whoever knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub u64);

/// How urgent a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Someone waits for it.
    High,
    /// Like most.
    #[default]
    Normal,
    /// It can wait.
    Low,
}

impl Priority {
    /// The word used in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    const fn weight(self) -> i64 {
        match self {
            Self::High => 8,
            Self::Normal => 4,
            Self::Low => 1,
        }
    }
}

const CLASSES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

/// Where something stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) priority: Priority,
    pub(super) client: ClientKey,
    pub(super) number: u64,
}

#[derive(Debug)]
pub(super) struct FairQueue<T> {
    classes: [Class<T>; 3],
    len: usize,
}

#[derive(Debug)]
struct Class<T> {
    /// Clients with something in the queue; the front one is next.
    turns: VecDeque<ClientKey>,
    waiting: HashMap<ClientKey, VecDeque<(u64, T)>>,
    /// Smooth weighted round robin: who has waited longest in proportion to its weight.
    credit: i64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            classes: std::array::from_fn(|_| Class {
                turns: VecDeque::new(),
                waiting: HashMap::new(),
                credit: 0,
            }),
            len: 0,
        }
    }
}

impl<T> FairQueue<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Places are told apart by their number, which grows.
    pub(super) fn push(&mut self, place: Place, item: T) {
        self.len += 1;
        let class = &mut self.classes[place.priority as usize];
        let own = class.waiting.entry(place.client).or_default();
        if own.is_empty() {
            class.turns.push_back(place.client);
        }
        own.push_back((place.number, item));
    }

    /// The one that [`pop`](Self::pop) would take.
    pub(super) fn peek(&self) -> Option<&T> {
        let class = &self.classes[self.next_class()?];
        let own = class.waiting.get(class.turns.front()?)?;
        own.front().map(|(_, item)| item)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let next = self.next_class()?;
        let mut total = 0;
        for (class, priority) in self.classes.iter_mut().zip(CLASSES) {
            if class.turns.is_empty() {
                // Nobody saves up turns while away.
                class.credit = 0;
            } else {
                class.credit += priority.weight();
                total += priority.weight();
            }
        }
        let class = &mut self.classes[next];
        class.credit -= total;
        let client = class.turns.pop_front()?;
        let own = class.waiting.get_mut(&client)?;
        let (_, item) = own.pop_front()?;
        if own.is_empty() {
            class.waiting.remove(&client);
        } else {
            class.turns.push_back(client);
        }
        self.len -= 1;
        Some(item)
    }

    /// Takes one out, wherever it stands.
    pub(super) fn remove(&mut self, place: Place) -> Option<T> {
        let class = &mut self.classes[place.priority as usize];
        let own = class.waiting.get_mut(&place.client)?;
        let index = own.iter().position(|(number, _)| *number == place.number)?;
        let (_, item) = own.remove(index)?;
        if own.is_empty() {
            class.forget(place.client);
        }
        self.len -= 1;
        Some(item)
    }

    /// Takes out all of which this is true, in no order.
    pub(super) fn take_if(&mut self, mut is_taken: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        for class in &mut self.classes {
            let clients: Vec<ClientKey> = class.turns.iter().copied().collect();
            for client in clients {
                let Some(own) = class.waiting.get_mut(&client) else {
                    continue;
                };
                let (gone, stay) = std::mem::take(own)
                    .into_iter()
                    .partition::<VecDeque<_>, _>(|(_, item)| is_taken(item));
                *own = stay;
                if own.is_empty() {
                    class.forget(client);
                }
                taken.extend(gone.into_iter().map(|(_, item)| item));
            }
        }
        self.len -= taken.len();
        taken
    }

    /// The client with the longest backlog, and its newest request, if that backlog is longer than `than`.
    pub(super) fn longest_backlog(&self, than: usize) -> Option<(usize, Place)> {
        let backlogs = self
            .classes
            .iter()
            .zip(CLASSES)
            .flat_map(|(class, priority)| {
                class.waiting.iter().filter_map(move |(client, own)| {
                    let number = own.back()?.0;
                    let client = *client;
                    Some((
                        own.len(),
                        Place {
                            priority,
                            client,
                            number,
                        },
                    ))
                })
            });
        backlogs
            .filter(|(length, _)| *length > than)
            // Between equals the newest, so that the choice does not depend on hashing.
            .max_by_key(|(length, place)| (*length, place.number))
    }

    pub(super) fn backlog(&self, priority: Priority, client: ClientKey) -> usize {
        let class = &self.classes[priority as usize];
        class.waiting.get(&client).map_or(0, VecDeque::len)
    }

    fn next_class(&self) -> Option<usize> {
        let waiting = self.classes.iter().zip(CLASSES).enumerate();
        waiting
            .filter(|(_, (class, _))| !class.turns.is_empty())
            .max_by_key(|(index, (class, priority))| {
                (class.credit + priority.weight(), std::cmp::Reverse(*index))
            })
            .map(|(index, _)| index)
    }
}

impl<T> Class<T> {
    fn forget(&mut self, client: ClientKey) {
        self.waiting.remove(&client);
        self.turns.retain(|turn| *turn != client);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pushes with numbers that count up.
    struct Pusher(u64);

    impl Pusher {
        fn push<T>(
            &mut self,
            queue: &mut FairQueue<T>,
            priority: Priority,
            client: u64,
            item: T,
        ) -> Place {
            let place = Place {
                priority,
                client: ClientKey(client),
                number: self.0,
            };
            self.0 += 1;
            queue.push(place, item);
            place
        }
    }

    fn drain<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn clients_take_turns() {
        let (mut queue, mut pusher) = (FairQueue::default(), Pusher(0));
        for item in ["a1", "a2", "a3"] {
            pusher.push(&mut queue, Priority::Normal, 1, item);
        }
        pusher.push(&mut queue, Priority::Normal, 2, "b1");
        pusher.push(&mut queue, Priority::Normal, 3, "c1");
        assert_eq!(drain(&mut queue), ["a1", "b1", "c1", "a2", "a3"]);
    }

    #[test]
    fn the_urgent_go_first_and_nobody_starves() {
        let (mut queue, mut pusher) = (FairQueue::default(), Pusher(0));
        for _ in 0..26 {
            for priority in CLASSES {
                pusher.push(&mut queue, priority, 7, priority);
            }
        }
        let order: Vec<Priority> = (0..26).filter_map(|_| queue.pop()).collect();
        assert_eq!(order[0], Priority::High);
        let share = |wanted| order.iter().filter(|class| **class == wanted).count();
        assert_eq!(
            CLASSES.map(share),
            [16, 8, 2],
            "two rounds of the weights: {order:?}"
        );
    }

    #[test]
    fn the_longest_backlog_gives_way() {
        let (mut queue, mut pusher) = (FairQueue::default(), Pusher(0));
        for _ in 0..3 {
            pusher.push(&mut queue, Priority::High, 1, "hog");
        }
        pusher.push(&mut queue, Priority::Low, 2, "modest");
        let (length, place) = queue.longest_backlog(1).unwrap();
        assert_eq!((length, place.client, place.number), (3, ClientKey(1), 2));
        assert_eq!(queue.longest_backlog(3), None);
        assert_eq!(queue.remove(place), Some("hog"));
        assert_eq!(queue.remove(place), None);
        assert_eq!(queue.backlog(Priority::High, ClientKey(1)), 2);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize, u64),
        Pop,
        Remove(prop::sample::Index),
        TakeClient(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3_usize, 0..4_u64).prop_map(|(class, client)| Step::Push(class, client)),
            2 => Just(Step::Pop),
            1 => any::<prop::sample::Index>().prop_map(Step::Remove),
            1 => (0..4_u64).prop_map(Step::TakeClient),
        ]
    }

    proptest! {
        /// Whatever happens, each item leaves exactly once, a client's own in order, and `peek` tells what `pop` does.
        #[test]
        fn nothing_is_lost_or_doubled(steps in prop::collection::vec(step(), 0..200)) {
            let (mut queue, mut pusher) = (FairQueue::default(), Pusher(0));
            let mut inside: Vec<(Place, u64)> = Vec::new();
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Push(class, client) => {
                        let place = pusher.push(&mut queue, CLASSES[class], client, number);
                        inside.push((place, number));
                        number += 1;
                    }
                    Step::Pop => {
                        let peeked = queue.peek().copied();
                        let popped = queue.pop();
                        prop_assert_eq!(peeked, popped);
                        if let Some(item) = popped {
                            let index = inside.iter().position(|(_, inside)| *inside == item).unwrap();
                            let (place, _) = inside.remove(index);
                            let earlier = inside.iter().any(|(other, item_inside)| {
                                other.client == place.client
                                    && other.priority == place.priority
                                    && *item_inside < item
                            });
                            prop_assert!(!earlier);
                        } else {
                            prop_assert!(inside.is_empty());
                        }
                    }
                    Step::Remove(index) if !inside.is_empty() => {
                        let (place, item) = inside.remove(index.index(inside.len()));
                        prop_assert_eq!(queue.remove(place), Some(item));
                    }
                    Step::Remove(_) => {}
                    Step::TakeClient(client) => {
                        let of_client = |place: &Place| place.client == ClientKey(client);
                        let items: Vec<u64> = inside
                            .iter()
                            .filter(|(place, _)| of_client(place))
                            .map(|(_, item)| *item)
                            .collect();
                        let mut taken = queue.take_if(|item| items.contains(item));
                        taken.sort_unstable();
                        prop_assert_eq!(taken, items);
                        inside.retain(|(place, _)| !of_client(place));
                    }
                }
                prop_assert_eq!(queue.len(), inside.len());
            }
            prop_assert_eq!(drain(&mut queue).len(), inside.len());
        }

        /// Between two turns of a client no other of its class has more than one.
        #[test]
        fn no_client_waits_for_another_ones_backlog(backlogs in prop::collection::vec(1..20_usize, 1..8)) {
            let (mut queue, mut pusher) = (FairQueue::default(), Pusher(0));
            for (client, backlog) in backlogs.iter().enumerate() {
                for _ in 0..*backlog {
                    pusher.push(&mut queue, Priority::Normal, client as u64, client);
                }
            }
            let mut served = vec![0_usize; backlogs.len()];
            for client in drain(&mut queue) {
                served[client] += 1;
                for (other, backlog) in backlogs.iter().enumerate() {
                    prop_assert!(served[other] + 1 >= served[client].min(*backlog));
                }
            }
            prop_assert_eq!(served, backlogs);
        }
    }
}
