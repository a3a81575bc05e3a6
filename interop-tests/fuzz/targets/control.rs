//! A control message.
#![no_main]

use bytes::Bytes;
use erlnode::dist::control::{ControlMessage, PayloadPlace};
use erlnode::term::Term;
use erlnode::term::etf::{Reader, Writer};
use erlnode_fuzz::{atoms, bound_memory, flags};
use libfuzzer_sys::fuzz_target;

fn decode(bytes: &Bytes) -> ControlMessage {
    let mut reader = Reader::new(bytes, &[]);
    let control = ControlMessage::decode(&mut reader).expect("what was encoded can be decoded");
    assert!(reader.is_empty());
    control
}

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let (bytes, atoms) = (Bytes::copy_from_slice(data), atoms());
    let Ok(control) = ControlMessage::decode(&mut Reader::new(&bytes, &atoms)) else { return };
    let mut writer = Writer::new();
    control.encode(&mut writer).expect("what was decoded can be encoded");
    assert_eq!(decode(&writer.into_bytes()), control);

    // In the form for another node, which it keeps from then on.
    for choice in 0..4 {
        let Ok(form) = control.form(flags(choice)) else { continue };
        let mut writer = Writer::new();
        form.encode(&mut writer).expect("what was decoded can be encoded");
        if form.payload() == PayloadPlace::Inside {
            writer.term(&Term::NIL).expect("it has an encoding");
        }
        let sent = decode(&writer.into_bytes());
        assert_eq!(sent.operation(), form.operation());
        let again = sent.form(flags(choice)).expect("it has been in that form");
        assert_eq!(again.operation(), form.operation());
    }
});
