//! A ZIP writer that lies on demand, and a reader of events, for the tests.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

use std::io::Cursor;

use cs_archive::{
    EntryPlan, PackageEvent, PackageSummary, PackageWriter, ReadError, ReadLimits, deflate_run,
    package_length, read,
};

pub mod random;

/// An entry, with everything that an attacker can set.
#[derive(Clone)]
pub struct Fake {
    pub name: Vec<u8>,
    pub local_name: Option<Vec<u8>>,
    pub content: Vec<u8>,
    pub deflated: bool,
    pub method: Option<u16>,
    pub flags: u16,
    pub made_by: u16,
    pub attributes: u32,
    pub crc: Option<u32>,
    pub local_crc: Option<u32>,
    pub length: Option<u32>,
    pub descriptor: bool,
    pub behind: Vec<u8>,
    pub extra: Vec<u8>,
    pub local_flags: Option<u16>,
    pub local_extra: Vec<u8>,
    /// What the 32-bit lengths of data and content say, in the local header and in the directory.
    pub local_lengths: Option<[u32; 2]>,
    pub central_lengths: Option<[u32; 2]>,
}

impl Fake {
    pub fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.into(),
            local_name: None,
            content: content.as_ref().to_vec(),
            deflated: true,
            method: None,
            flags: 0,
            made_by: 20,
            attributes: 0,
            crc: None,
            local_crc: None,
            length: None,
            descriptor: false,
            behind: Vec::new(),
            extra: Vec::new(),
            local_flags: None,
            local_extra: Vec::new(),
            local_lengths: None,
            central_lengths: None,
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// What is wrong with the records of the package as a whole.
#[derive(Default)]
pub struct Frame {
    pub before: Vec<u8>,
    pub between: Vec<u8>,
    pub comment: Vec<u8>,
    pub behind: Vec<u8>,
    pub count: Option<u16>,
    pub overlap: bool,
    /// What a 64-bit end says instead of the number of entries and the directory's length and offset, where it is not the same.
    pub wide_end: Option<[Option<u64>; 3]>,
    /// The 32-bit end holds nothing.
    pub masked: bool,
}

pub fn zip(entries: &[Fake]) -> Vec<u8> {
    zip_in(entries, &Frame::default())
}

pub fn zip_in(entries: &[Fake], frame: &Frame) -> Vec<u8> {
    let mut out = frame.before.clone();
    let mut directory = Vec::new();
    let mut last_offset = 0_u32;
    for entry in entries {
        let run = deflate_run(&entry.content).unwrap();
        let mut data = if entry.deflated {
            run.data
        } else {
            entry.content.clone()
        };
        if entry.deflated {
            data.extend([3, 0]);
        }
        data.extend(&entry.behind);
        let method = entry.method.unwrap_or(if entry.deflated { 8 } else { 0 });
        let flags = entry.flags | if entry.descriptor { 8 } else { 0 };
        let length = entry
            .length
            .unwrap_or(u32::try_from(entry.content.len()).unwrap());
        let packed = u32::try_from(data.len()).unwrap();
        let crc = entry.crc.unwrap_or(run.crc32);
        let here = u32::try_from(out.len()).unwrap();
        let offset = if frame.overlap { last_offset } else { here };
        last_offset = here;
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        let header = |flags: u16, crc: u32, packed: u32, length: u32, name: &[u8], extra: &[u8]| {
            let mut fields = Vec::new();
            for field in [20, flags, method, 0, 0x21] {
                fields.extend(field.to_le_bytes());
            }
            for field in [crc, packed, length] {
                fields.extend(field.to_le_bytes());
            }
            fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            fields.extend(u16::try_from(extra.len()).unwrap().to_le_bytes());
            fields
        };
        out.extend(b"PK\x03\x04");
        let local_flags = entry.local_flags.unwrap_or(flags);
        let (local_crc, lengths) = if entry.descriptor {
            (0, [0, 0])
        } else {
            (entry.local_crc.unwrap_or(crc), [packed, length])
        };
        let [local_packed, local_length] = entry.local_lengths.unwrap_or(lengths);
        out.extend(header(
            local_flags,
            local_crc,
            local_packed,
            local_length,
            local_name,
            &entry.local_extra,
        ));
        out.extend(local_name);
        out.extend(&entry.local_extra);
        out.extend(&data);
        if entry.descriptor {
            out.extend(b"PK\x07\x08");
            for field in [crc, packed, length] {
                out.extend(field.to_le_bytes());
            }
        }
        directory.extend(b"PK\x01\x02");
        directory.extend(entry.made_by.to_le_bytes());
        let [central_packed, central_length] = entry.central_lengths.unwrap_or([packed, length]);
        directory.extend(header(
            flags,
            crc,
            central_packed,
            central_length,
            &entry.name,
            &entry.extra,
        ));
        directory.extend([0; 6]);
        directory.extend(entry.attributes.to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    out.extend(&frame.between);
    let start = u32::try_from(out.len()).unwrap();
    out.extend(&directory);
    let count = frame.count.unwrap_or(u16::try_from(entries.len()).unwrap());
    let size = u32::try_from(directory.len()).unwrap();
    if let Some(said) = frame.wide_end {
        let at = out.len() as u64;
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let [count, size, start] = [
            said[0].unwrap_or(count.into()),
            said[1].unwrap_or(size.into()),
            said[2].unwrap_or(start.into()),
        ];
        for field in [count, count, size, start] {
            out.extend(field.to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(at.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    let (count, size, start) = if frame.masked {
        (u16::MAX, u32::MAX, u32::MAX)
    } else {
        (count, size, start)
    };
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend(u16::try_from(frame.comment.len()).unwrap().to_le_bytes());
    out.extend(&frame.comment);
    out.extend(&frame.behind);
    out
}

/// A small set with every kind of scope.
pub const SET: &str = concat!(
    "<DocItemSet><DocItem Name=\"topology\"><Data><AnchoredXml xmlns=\"urn:schema:Microsoft.Rtc.Management.ScopeFramework.2008\" SchemaWriteVersion=\"1\">",
    "<Key ScopeClass=\"Global\"><SchemaId Namespace=\"urn:x\" ElementName=\"T\" /><AuthorityId Class=\"Host\" InstanceId=\"00000000-0000-0000-0000-000000000000\" /></Key>",
    "<Dictionary Count=\"1\"><Item><Key /><Value Signature=\"2ffb6b0d-0239-4016-b08b-40520d1687ff\"><T xmlns=\"urn:x\" A=\"1 &amp; 2\">text</T></Value></Item></Dictionary></AnchoredXml></Data></DocItem>",
    "<DocItem Name=\"policies\"><Data><AnchoredXml xmlns=\"urn:schema:Microsoft.Rtc.Management.ScopeFramework.2008\"><Key ScopeClass=\"Tag\"><SchemaId Namespace=\"urn:y\" ElementName=\"P\" />",
    "<AuthorityId Class=\"Host\" InstanceId=\"00000000-0000-0000-0000-000000000000\" /></Key><Dictionary Count=\"3\"><Item><Key TagId=\"1\" Name=\"Redmond\" /><Value><P xmlns=\"urn:y\"/></Value></Item>",
    " <Item><Key SiteId=\"1\" /><Value/></Item><Item><Key><ServiceId SiteId=\"1\" RoleName=\"Registrar\" Instance=\"2\"/></Key></Item></Dictionary></AnchoredXml></Data></DocItem>",
    "<DocItem Name=\"urn:lcd:kenmyer@litwareinc.com\"><Data><HomedResource/></Data></DocItem></DocItemSet>",
);

/// All events, or the first fault.
pub fn events(package: &[u8]) -> Result<(Vec<PackageEvent>, PackageSummary), ReadError> {
    events_within(package, &ReadLimits::default())
}

pub fn events_within(
    package: &[u8],
    limits: &ReadLimits,
) -> Result<(Vec<PackageEvent>, PackageSummary), ReadError> {
    let mut events = Vec::new();
    let summary = read(&mut Cursor::new(package), limits, &|| false, &mut |event| {
        events.push(event);
        Ok(())
    })?;
    Ok((events, summary))
}

/// The name of the first fault, or `accepted`.
pub fn kind(package: &[u8]) -> String {
    match events(package).map(|_| ()) {
        Ok(()) => "accepted".to_owned(),
        Err(error) => {
            let kind = format!("{error:?}");
            kind.split(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap()
                .to_owned()
        }
    }
}

/// The parts, put together again from their events.
pub fn parts(events: &[PackageEvent]) -> Vec<(String, Vec<u8>)> {
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for event in events {
        if let PackageEvent::Part { name, .. } = event {
            parts.push((name.clone(), Vec::new()));
        }
        let Some((_, bytes)) = parts.last_mut() else {
            continue;
        };
        match event {
            PackageEvent::Text(text) | PackageEvent::ItemChunk(text) => bytes.extend(text),
            PackageEvent::DocumentStart { head, .. } => bytes.extend(head),
            PackageEvent::ItemStart { lead } => bytes.extend(lead),
            PackageEvent::DocumentEnd { tail } => bytes.extend(tail),
            _ => {}
        }
    }
    parts
}

/// Ids of documents with the keys of their items.
pub fn keys(events: &[PackageEvent]) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for event in events {
        match event {
            PackageEvent::DocumentStart { id, .. } => found.push((id.text(), Vec::new())),
            PackageEvent::ItemEnd { key, .. } => found.last_mut().unwrap().1.push(key.0.clone()),
            _ => {}
        }
    }
    found
}

/// The events with neighbouring pieces of one item or text joined: where a piece ends means nothing.
pub fn joined(events: &[PackageEvent]) -> Vec<PackageEvent> {
    let mut joined: Vec<PackageEvent> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(PackageEvent::Text(before)), PackageEvent::Text(more))
            | (Some(PackageEvent::ItemChunk(before)), PackageEvent::ItemChunk(more)) => {
                before.extend(more);
            }
            _ => joined.push(event.clone()),
        }
    }
    joined
}

/// Writes parts, each in runs, as the stores do.
pub fn write(parts: &[(String, Vec<Vec<u8>>)]) -> Vec<u8> {
    let runs: Vec<Vec<_>> = parts
        .iter()
        .map(|(_, runs)| runs.iter().map(|run| deflate_run(run).unwrap()).collect())
        .collect();
    let plans: Vec<EntryPlan> = parts
        .iter()
        .zip(&runs)
        .map(|((name, _), runs)| {
            let mut plan = EntryPlan::new(name);
            for run in runs {
                plan.add(run.crc32, run.length, run.data.len() as u64);
            }
            plan
        })
        .collect();
    let mut out = Vec::new();
    let mut writer = PackageWriter::new(&mut out, &plans);
    for runs in &runs {
        writer.begin_entry().unwrap();
        for run in runs {
            writer.run(&run.data).unwrap();
        }
        writer.end_entry().unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(out.len() as u64, package_length(&plans).unwrap());
    out
}
