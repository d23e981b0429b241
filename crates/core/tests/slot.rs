//! A concurrency key and the runs that ask for it.

#![allow(missing_docs)]

use baton_core::definition::OnFull;
use baton_core::ids::RunId;
use baton_core::slot::{Command, Message, Says, Slot};

const A: RunId = RunId::from_bits(1);
const B: RunId = RunId::from_bits(2);

fn tell(slot: &mut Slot, command: &Command) {
    for event in slot.decide(command) {
        slot.apply(&event);
    }
}

fn request(run: RunId, request: u32) -> Command {
    Command::Request {
        run,
        limit: 1,
        on_full: OnFull::Queue,
        request,
    }
}

fn says(slot: &Slot) -> Vec<Message> {
    slot.outbox().map(|(_, message)| message).collect()
}

#[test]
fn what_was_to_be_said_to_a_run_is_not_said_once_it_has_given_its_place_back() {
    let mut slot = Slot::default();
    tell(&mut slot, &request(A, 0));
    tell(&mut slot, &request(B, 0));
    tell(&mut slot, &Command::Release { run: A });
    let of_b = Message {
        run: B,
        request: Some(0),
        says: Says::Grant,
    };
    assert_eq!(says(&slot), [of_b], "the grant to A is void");
    tell(&mut slot, &request(A, 5));
    assert_eq!(says(&slot), [of_b]);
    assert_eq!(slot.queue(), [A]);
    tell(&mut slot, &Command::Release { run: B });
    let of_a = Message {
        run: A,
        request: Some(5),
        says: Says::Grant,
    };
    assert_eq!(says(&slot), [of_a], "it answers the later request");
}
