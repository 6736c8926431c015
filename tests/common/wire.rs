//! A few requests spoken by hand, for what the client library cannot say or does not show: a
//! connection that claims to have seen a zxid, null data (the library reads and writes it as
//! empty), a multi that 3.4 understands (the library puts `create2` into every multi), and a
//! session closed at a known moment.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An error code of a server, as `KeeperException.Code` has it.
pub type Code = i32;

/// `KeeperException.Code.NONODE`.
pub const NO_NODE: Code = -101;

/// `CreateMode.EPHEMERAL`.
pub const EPHEMERAL: i32 = 1;

const XID_NOTIFICATION: i32 = -1;
const XID_PING: i32 = -2;
const XID_AUTH: i32 = -4;

const OP_CREATE: i32 = 1;
const OP_DELETE: i32 = 2;
const OP_GET_DATA: i32 = 4;
const OP_SET_DATA: i32 = 5;
const OP_CHECK: i32 = 13;
const OP_MULTI: i32 = 14;
const OP_AUTH: i32 = 100;
const OP_CLOSE_SESSION: i32 = -11;

/// The bytes of a stat behind the data in a reply.
const STAT_LEN: usize = 68;

/// One operation of a multi.
pub enum Op<'a> {
    /// Creates a persistent znode open to the world.
    Create(&'a str, &'a [u8]),
    /// Deletes a znode at any version.
    Delete(&'a str),
    /// Sets data at any version.
    SetData(&'a str, &'a [u8]),
    /// Checks a version.
    Check(&'a str, i32),
}

/// A write of its own.
pub enum Change<'a> {
    /// Creates a znode open to the world, with the flags of its mode.
    Create(&'a str, &'a [u8], i32),
    /// Deletes a znode at any version.
    Delete(&'a str),
    /// Sets data at any version.
    SetData(&'a str, &'a [u8]),
    /// All of them or none.
    Multi(&'a [Op<'a>]),
}

/// A connection with a session of its own.
pub struct Wire {
    stream: TcpStream,
    xid: i32,
    /// The id the server gave the session.
    pub session_id: i64,
    /// The zxid that the last reply told.
    pub last_zxid: i64,
}

impl Wire {
    /// Opens a session, claiming to have seen `last_zxid_seen`. A server that has not got that far
    /// hangs up: an error.
    pub fn connect(address: &str, last_zxid_seen: i64, timeout: Duration) -> io::Result<Wire> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let mut wire = Wire {
            stream,
            xid: 0,
            session_id: 0,
            last_zxid: 0,
        };
        let mut request = Request::default();
        request.int(0).long(last_zxid_seen);
        request.int(i32::try_from(timeout.as_millis()).expect("a timeout of days"));
        request.long(0).buffer(Some(&[0; 16]));
        wire.send(&request)?;
        let reply = wire.receive()?;
        let mut reply = Reply(&reply);
        let _protocol_version = reply.int()?;
        if reply.int()? <= 0 {
            return Err(io::Error::other("the server gave the session no time"));
        }
        wire.session_id = reply.long()?;
        Ok(wire)
    }

    /// Adds the identity `user:password` of the scheme `digest`.
    pub fn authenticate(&mut self, user: &str) {
        let mut request = Request::default();
        request.int(XID_AUTH).int(OP_AUTH).int(0).text("digest");
        request.buffer(Some(user.as_bytes()));
        let (code, _) = self.exchange(XID_AUTH, &request);
        assert_eq!(code, 0, "authentication as {user}");
    }

    /// Creates a znode open to the world; `None` is null data.
    pub fn create(&mut self, path: &str, data: Option<&[u8]>, flags: i32) -> Result<(), Code> {
        let mut request = self.request(OP_CREATE);
        request.create(path, data, flags);
        self.call(&request).map(drop)
    }

    /// Sets data at any version; `None` is null data.
    pub fn set_data(&mut self, path: &str, data: Option<&[u8]>) -> Result<(), Code> {
        let mut request = self.request(OP_SET_DATA);
        request.text(path).buffer(data).int(-1);
        self.call(&request).map(drop)
    }

    /// The data of a znode, null told from empty.
    pub fn get_data(&mut self, path: &str) -> Result<Option<Vec<u8>>, Code> {
        let mut request = self.request(OP_GET_DATA);
        request.text(path).byte(0);
        let reply = self.call(&request)?;
        let mut fields = Reply(&reply);
        let len = fields.int().expect("a length");
        Ok(usize::try_from(len).ok().map(|len| {
            assert_eq!(fields.0.len(), len + STAT_LEN, "data and a stat");
            fields.take(len).expect("data").to_vec()
        }))
    }

    /// Writes, and gives the zxid and the code of the reply. A connection that broke is an error:
    /// nobody knows what became of the write.
    pub fn write(&mut self, write: &Change<'_>) -> io::Result<(i64, Code)> {
        let request = self.write_request(write);
        let (code, _) = self.try_exchange(self.xid, &request)?;
        Ok((self.last_zxid, code))
    }

    /// Sends a write, and waits for no answer.
    pub fn post(&mut self, write: &Change<'_>) -> io::Result<()> {
        let request = self.write_request(write);
        self.send(&request)
    }

    fn write_request(&mut self, write: &Change<'_>) -> Request {
        match write {
            Change::Create(path, data, flags) => {
                let mut request = self.request(OP_CREATE);
                request.create(path, Some(data), *flags);
                request
            }
            Change::Delete(path) => {
                let mut request = self.request(OP_DELETE);
                request.text(path).int(-1);
                request
            }
            Change::SetData(path, data) => {
                let mut request = self.request(OP_SET_DATA);
                request.text(path).buffer(Some(data)).int(-1);
                request
            }
            Change::Multi(ops) => self.multi_request(ops),
        }
    }

    fn multi_request(&mut self, ops: &[Op<'_>]) -> Request {
        let mut request = self.request(OP_MULTI);
        for op in ops {
            match op {
                Op::Create(path, data) => request.op(OP_CREATE).create(path, Some(data), 0),
                Op::Delete(path) => request.op(OP_DELETE).text(path).int(-1),
                Op::SetData(path, data) => request
                    .op(OP_SET_DATA)
                    .text(path)
                    .buffer(Some(data))
                    .int(-1),
                Op::Check(path, version) => request.op(OP_CHECK).text(path).int(*version),
            };
        }
        request.int(-1).byte(1).int(-1);
        request
    }

    /// Commits all operations or none; the code is that of the first that failed.
    pub fn multi(&mut self, ops: &[Op<'_>]) -> Result<(), Code> {
        let request = self.multi_request(ops);
        let reply = self.call(&request)?;
        // After a failure every result is a header (type -1, not done, a code) and the code again;
        // 0 stands before the culprit.
        let mut results = Reply(&reply);
        while results.int().expect("a result's type") == -1 {
            if results.byte().expect("a result's end mark") != 0 {
                break;
            }
            let code = results.int().expect("a result's code");
            if code != 0 {
                return Err(code);
            }
            results.int().expect("the code again");
        }
        Ok(())
    }

    /// Closes the session, and waits until the server has.
    pub fn close(mut self) {
        let request = self.request(OP_CLOSE_SESSION);
        // Some releases hang up before the reply is read; the session is closed in either case.
        let _ = self.send(&request).and_then(|()| self.receive());
    }

    fn request(&mut self, op: i32) -> Request {
        self.xid += 1;
        let mut request = Request::default();
        request.int(self.xid).int(op);
        request
    }

    fn call(&mut self, request: &Request) -> Result<Vec<u8>, Code> {
        match self.exchange(self.xid, request) {
            (0, body) => Ok(body),
            (code, _) => Err(code),
        }
    }

    fn exchange(&mut self, xid: i32, request: &Request) -> (Code, Vec<u8>) {
        self.try_exchange(xid, request).expect("a reply")
    }

    fn try_exchange(&mut self, xid: i32, request: &Request) -> io::Result<(Code, Vec<u8>)> {
        self.send(request)?;
        loop {
            let mut reply = self.receive()?;
            let mut header = Reply(&reply);
            let replied = header.int()?;
            let zxid = header.long()?;
            let code = header.int()?;
            if replied == xid {
                self.last_zxid = zxid;
                reply.drain(..16);
                return Ok((code, reply));
            }
            assert!(
                matches!(replied, XID_NOTIFICATION | XID_PING),
                "reply to {replied} in place of {xid}"
            );
        }
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        let len = i32::try_from(request.0.len()).expect("a request of less than 2 GB");
        let mut packet = len.to_be_bytes().to_vec();
        packet.extend(&request.0);
        self.stream.write_all(&packet)
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len)?;
        let len = usize::try_from(i32::from_be_bytes(len)).map_err(io::Error::other)?;
        let mut packet = vec![0; len];
        self.stream.read_exact(&mut packet)?;
        Ok(packet)
    }
}

/// The bytes of a request, field by field.
#[derive(Default)]
struct Request(Vec<u8>);

impl Request {
    fn byte(&mut self, value: u8) -> &mut Request {
        self.0.push(value);
        self
    }

    fn int(&mut self, value: i32) -> &mut Request {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn long(&mut self, value: i64) -> &mut Request {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn buffer(&mut self, value: Option<&[u8]>) -> &mut Request {
        match value {
            Some(bytes) => {
                self.int(i32::try_from(bytes.len()).expect("a buffer of less than 2 GB"));
                self.0.extend(bytes);
                self
            }
            None => self.int(-1),
        }
    }

    fn text(&mut self, value: &str) -> &mut Request {
        self.buffer(Some(value.as_bytes()))
    }

    /// The body of `create`, with an ACL that opens the znode to the world.
    fn create(&mut self, path: &str, data: Option<&[u8]>, flags: i32) -> &mut Request {
        self.text(path).buffer(data);
        self.int(1).int(31).text("world").text("anyone").int(flags)
    }

    /// The header of an operation in a multi: type, not done, no error yet.
    fn op(&mut self, op: i32) -> &mut Request {
        self.int(op).byte(0).int(-1)
    }
}

/// What is left of a reply.
struct Reply<'a>(&'a [u8]);

impl<'a> Reply<'a> {
    fn take(&mut self, len: usize) -> io::Result<&'a [u8]> {
        let (head, rest) = self
            .0
            .split_at_checked(len)
            .ok_or(ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn int(&mut self) -> io::Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn long(&mut self) -> io::Result<i64> {
        self.array().map(i64::from_be_bytes)
    }
}
