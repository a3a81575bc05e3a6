//! What is asked of an epmd: the frames, the requests, and the table of names that they change.
#![no_main]

use erlnode::epmd::NodeEntry;
use erlnode::epmd::message::{Frame, MAX_REQUEST_BYTES, RawEntry, Request};
use erlnode::epmd::names::{Names, Owner};
use erlnode_fuzz::{bound_memory, pieces};
use libfuzzer_sys::fuzz_target;

fn frames_are_found_however_they_come(data: &[u8]) {
    let whole = Frame::find(data);
    for length in 0..data.len() {
        match Frame::find(&data[..length]) {
            Ok(Frame::Missing(missing)) => match whole {
                Ok(Frame::Whole(_)) => assert!(length + missing <= data.len()),
                Ok(Frame::Missing(_)) | Err(_) => assert!(missing > 0),
            },
            Ok(Frame::Whole(_)) | Err(_) => assert!(whole.is_err(), "at {length}"),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    frames_are_found_however_they_come(&data[..data.len().min(200)]);
    let mut names = Names::new();
    for (piece, number) in pieces(data).zip(1..) {
        let Ok(request) = Request::decode(piece) else { continue };
        let mut out = Vec::new();
        if request.encode(&mut out).is_ok() {
            assert!(out.len() <= MAX_REQUEST_BYTES);
            let Ok(Frame::Whole(body)) = Frame::find(&out) else { panic!("{request:?} has no frame") };
            // A name may end with the NUL that is left away when it is read.
            if !matches!(request, Request::Stop(b"")) {
                assert_eq!(Request::decode(body), Ok(request));
            }
        }
        match request {
            Request::Alive(raw) => {
                let Ok(entry) = NodeEntry::try_from(&raw) else { continue };
                assert_eq!(RawEntry::from(&entry), raw);
                let known = names.find(entry.name()).is_some();
                let registered = names.register(entry.clone(), Owner(number), 1_000_000);
                assert_eq!(registered.is_ok(), !known);
                if let Ok(creation) = registered {
                    assert_eq!(names.find(entry.name()), Some(&entry));
                    assert!(entry.highest_version() < 6 || creation.0 > 3);
                }
            }
            Request::Port(name) => {
                let owner = names.active().find(|(entry, _)| entry.name() == name).map(|(_, owner)| owner);
                assert_eq!(owner.is_some(), names.find(name).is_some());
                if let Some(owner) = owner {
                    assert!(names.unregister(name, owner));
                    assert!(names.find(name).is_none());
                }
            }
            _ => {}
        }
        assert_eq!(names.active().count(), names.len());
    }
});
