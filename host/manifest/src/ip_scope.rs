//! Where an address leads: to the whole internet, or to this machine and what is near it.
//!
//! Why: docs/decisions/56-http-goes-to-checked-addresses.md

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpScope {
    /// To the internet.
    Public,
    /// To this machine.
    Loopback,
    /// To the network that this machine is in, or to a service of whoever runs the machine.
    Near,
    /// To nobody, to many, or to an address that a gateway makes of it.
    Nowhere,
}

impl IpScope {
    /// Returns where an address leads. An address of IPv4 in one of IPv6 leads to where that one
    /// does, or nowhere: the kernel would connect to it, too.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Returns it for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Public => "the internet",
            Self::Loopback => "this machine",
            Self::Near => "the network of this machine",
            Self::Nowhere => "no single host of the internet",
        }
    }
}

/// The address of IPv4, and how many of its first bits count.
type Block4 = ([u8; 4], u32);

/// By the registry of special addresses (IANA), with what is reserved and what is for many.
const NEAR4: [Block4; 5] = [
    ([10, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    // Link-local, where clouds have the metadata of a machine, and behind large translators.
    ([169, 254, 0, 0], 16),
    ([100, 64, 0, 0], 10),
];

const NOWHERE4: [Block4; 9] = [
    ([0, 0, 0, 0], 8),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // For many, and reserved, with the one for all.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Metadata of a machine in a cloud, at an address that looks public.
const METADATA4: [Ipv4Addr; 1] = [Ipv4Addr::new(168, 63, 129, 16)];

fn of_v4(address: Ipv4Addr) -> IpScope {
    let bits = u32::from(address);
    let is_in = |(start, length): &Block4| {
        let shift = 32 - length;
        bits >> shift == u32::from(Ipv4Addr::from(*start)) >> shift
    };
    match address {
        _ if address.is_loopback() => IpScope::Loopback,
        _ if METADATA4.contains(&address) || NEAR4.iter().any(is_in) => IpScope::Near,
        _ if NOWHERE4.iter().any(is_in) => IpScope::Nowhere,
        _ => IpScope::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> IpScope {
    if address == Ipv6Addr::LOCALHOST {
        return IpScope::Loopback;
    }
    if let Some(mapped) = address.to_ipv4_mapped() {
        return of_v4(mapped);
    }
    let parts = address.segments();
    let first = parts[0];
    // Unique local, where clouds have metadata too; link-local, and site-local as it was once.
    let is_near = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0;
    if is_near {
        return IpScope::Near;
    }
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = parts {
        // What a translator of the network connects to: never what lies near it.
        let translated = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
        return match of_v4(translated) {
            IpScope::Public => IpScope::Public,
            _ => IpScope::Nowhere,
        };
    }
    // Only this eighth was given out. The rest has addresses for many, the unspecified one, and
    // those of IPv4 by an older form.
    let is_given_out = first & 0xe000 == 0x2000;
    // 6to4 and Teredo have an address of IPv4 in them; 2001::/23 is for protocols, 2001:db8::/32
    // and 3fff::/20 are for documents.
    let is_special = first == 0x2002
        || (first == 0x2001 && parts[1] < 0x0200)
        || (first == 0x2001 && parts[1] == 0x0db8)
        || (first == 0x3fff && parts[1] < 0x1000);
    if is_given_out && !is_special {
        IpScope::Public
    } else {
        IpScope::Nowhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_leads_somewhere() {
        use IpScope::{Loopback, Near, Nowhere, Public};
        for (address, expected) in [
            ("1.1.1.1", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("100.63.255.255", Public),
            ("100.128.0.0", Public),
            ("198.17.255.255", Public),
            ("223.255.255.255", Public),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("10.0.0.1", Near),
            ("172.16.0.1", Near),
            ("172.31.255.255", Near),
            ("192.168.1.1", Near),
            ("169.254.169.254", Near),
            ("100.64.0.1", Near),
            ("100.100.100.200", Near),
            ("168.63.129.16", Near),
            ("0.0.0.0", Nowhere),
            ("0.1.2.3", Nowhere),
            ("192.0.0.192", Nowhere),
            ("198.18.0.1", Nowhere),
            ("203.0.113.7", Nowhere),
            ("224.0.0.1", Nowhere),
            ("240.0.0.1", Nowhere),
            ("255.255.255.255", Nowhere),
            ("2606:4700::1111", Public),
            ("2a00:1450:4001::1", Public),
            ("2001:4860:4860::8888", Public),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:10.0.0.1", Near),
            ("::ffff:169.254.169.254", Near),
            ("::ffff:0.0.0.0", Nowhere),
            ("::ffff:1.1.1.1", Public),
            ("fc00::1", Near),
            ("fd00:ec2::254", Near),
            ("fe80::1", Near),
            ("febf::1", Near),
            ("fec0::1", Near),
            ("::", Nowhere),
            ("::127.0.0.1", Nowhere),
            ("::7f00:1", Nowhere),
            ("64:ff9b::7f00:1", Nowhere),
            ("64:ff9b::a9fe:a9fe", Nowhere),
            ("64:ff9b::101:101", Public),
            ("64:ff9b:1::a00:1", Nowhere),
            ("2002:7f00:1::", Nowhere),
            ("2001::7f00:1", Nowhere),
            ("2001:db8::1", Nowhere),
            ("3fff::1", Nowhere),
            ("100::1", Nowhere),
            ("ff02::1", Nowhere),
            ("5f00::1", Nowhere),
        ] {
            let scope = IpScope::of(address.parse().expect("an address"));
            assert_eq!(scope, expected, "{address}");
        }
    }
}
