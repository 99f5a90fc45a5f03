//! Findings from the node's answers: its version, chain and mempool, the methods that it allows, the blocks that it keeps.

use satscope_bitcoin::{frame::Topic, rpc::IN_WARMUP};

use super::{
    ask::{Answer, Answers, Failure, LIMIT, NO_METHOD},
    files::{START, of_fault},
    finding::Finding,
};
use crate::{
    node::{Choice, Files},
    source::topics::is_published,
};

/// The finding about the RPC.
pub const RPC: &str = "rpc";
/// The finding about the chain, and how far the node has read it.
pub const CHAIN: &str = "synchronisation";
/// The finding about the mempool.
pub const MEMPOOL: &str = "mempool";
/// The finding about the methods that the node allows.
pub const METHODS: &str = "methods";
/// The finding about the blocks that the node keeps.
pub const BLOCKS: &str = "blocks";

/// The first version of Core with the topic `sequence` and the sequence in `getrawmempool`. Source: Core, release notes of 0.21.
const FIRST_WITH_SEQUENCE: u64 = 210_000;
/// The chain whose coins have a price.
const MAIN: &str = "main";
/// The method that tells ingest where the node publishes, and nothing else that it needs.
const LISTING: &str = "getzmqnotifications";

/// The finding about the RPC when its first question had no answer.
pub fn no_answer(choice: &Choice, failure: &Failure, url: &str) -> Finding {
    let fault = failure.fault(url);
    if failure.code() == Some(IN_WARMUP) {
        let what_to_do = "wait until the node has started, and ask again";
        return Finding::wrong(RPC, fault.what(), what_to_do);
    }
    let is_switched_off = match &choice.files {
        Files::Used(node) => node.server == Some(false),
        Files::NotWanted | Files::Missing(_) | Files::Unused(_) => false,
    };
    match (failure.is_of_stopped_node(), is_switched_off) {
        (true, true) => {
            let what_to_do =
                "set server=1 in place of server=0 in the node's bitcoin.conf and restart the node";
            return Finding::wrong(RPC, fault.what(), what_to_do);
        }
        (true, false) => return Finding::wrong(RPC, fault.what(), START),
        (false, _) => {}
    }
    let otherwise = "check that this is the RPC of Bitcoin Core, and look into the node's log";
    of_fault(RPC, &fault, otherwise)
}

/// The finding about the RPC: its address, and the program that answers there.
pub fn rpc(answers: &Answers, url: &str) -> Finding {
    let methods = answers.methods();
    let is_refused = |failure: Option<&Failure>| failure.is_some_and(Failure::is_forbidden);
    if methods.iter().all(|(_, failure)| is_refused(*failure)) {
        return Finding::wrong(
            RPC,
            format!("{url} refuses every question"),
            "add this machine's address as rpcallowip, or this user's methods as rpcwhitelist, to bitcoin.conf",
        );
    }
    let Ok(network) = &answers.network else {
        return Finding::ok(RPC, format!("{url} answers, and does not tell its version"));
    };
    let said = format!(
        "{url} answers: {} ({})",
        network.subversion.trim_matches('/'),
        network.version
    );
    let lacks_sequence = answers
        .published
        .as_ref()
        .is_ok_and(|published| !is_published(published, Topic::Sequence));
    match network.version < FIRST_WITH_SEQUENCE && lacks_sequence {
        true => Finding::warning(
            RPC,
            said,
            "replace the node's program by version 0.21 or a newer one, because older ones have no topic sequence",
        ),
        false => Finding::ok(RPC, said),
    }
}

/// The chain, and how far the node has read it.
pub fn chain(answers: &Answers) -> Finding {
    let info = match &answers.chain {
        Ok(info) => info,
        Err(failure) => return untold(CHAIN, failure),
    };
    let headers = info.headers.unwrap_or(info.blocks).max(info.blocks);
    let place = format!(
        "chain {}, block {} of {}",
        info.chain,
        grouped(info.blocks.into()),
        grouped(headers.into())
    );
    let percent = 100.0 * info.verification_progress.clamp(0.0, 1.0);
    if info.chain != MAIN {
        let what_to_do = "follow the chain main, because coins of other chains have no price";
        return Finding::warning(CHAIN, place, what_to_do);
    }
    match info.initial_block_download {
        true => Finding::warning(
            CHAIN,
            format!("{place}, {percent:.2} %"),
            "wait: the mempool and a price come once the node is synchronised",
        ),
        false => Finding::ok(CHAIN, place),
    }
}

/// Whether the node's mempool can be read.
pub fn mempool(answers: &Answers) -> Finding {
    let info = match &answers.mempool {
        Ok(info) => info,
        Err(failure) => return untold(MEMPOOL, failure),
    };
    let count = grouped(info.size as u64);
    let has_transactions = answers
        .network
        .as_ref()
        .map_or(true, |network| network.local_relay);
    let is_downloading = answers
        .chain
        .as_ref()
        .is_ok_and(|info| info.initial_block_download);
    match (has_transactions, info.loaded) {
        (false, _) => Finding::warning(
            MEMPOOL,
            format!("{count} transactions, because the node asks for none"),
            "remove blocksonly=1 from bitcoin.conf and restart the node, else payments are seen in blocks only",
        ),
        (true, false) if is_downloading => {
            Finding::unknown(MEMPOOL, format!("comes after the download; see {CHAIN}"))
        }
        (true, false) => Finding::warning(
            MEMPOOL,
            format!("being loaded, {count} transactions so far"),
            "wait: times of payments are sure once it is loaded",
        ),
        (true, true) => Finding::ok(MEMPOOL, format!("loaded, {count} transactions")),
    }
}

/// Whether the node allows all methods that ingest calls.
pub fn methods(answers: &Answers) -> Finding {
    let methods = answers.methods();
    let failing = |is: &dyn Fn(&Failure) -> bool| -> Vec<&str> {
        let of = methods
            .iter()
            .filter(|(_, failure)| failure.is_some_and(is));
        of.map(|(method, _)| *method).collect()
    };
    let refused = failing(&Failure::is_forbidden);
    if refused.len() == methods.len() {
        return Finding::unknown(METHODS, format!("see {RPC}"));
    }
    if !refused.is_empty() {
        let said = format!("not allowed: {}", refused.join(", "));
        let what_to_do = format!(
            "add {} to this user's rpcwhitelist in bitcoin.conf and restart the node",
            refused.join(",")
        );
        return match refused == [LISTING] {
            true => Finding::warning(METHODS, said, what_to_do),
            false => Finding::wrong(METHODS, said, what_to_do),
        };
    }
    // A node without ZMQ has no such method: the finding about the topics says so.
    let is_lacking = |failure: &Failure| failure.code() == Some(NO_METHOD);
    let mut lacking = failing(&is_lacking);
    lacking.retain(|method| *method != LISTING);
    if !lacking.is_empty() {
        return Finding::wrong(
            METHODS,
            format!("not there: {}", lacking.join(", ")),
            "ask Bitcoin Core itself, because what answers does not have all of its methods",
        );
    }
    let silent = failing(&|failure| matches!(failure, Failure::Silent(_)));
    match silent.is_empty() {
        true => Finding::ok(
            METHODS,
            format!("all {} that are called are allowed", methods.len()),
        ),
        false => Finding::warning(
            METHODS,
            format!("no answer within {LIMIT:?} to {}", silent.join(", ")),
            "look how busy the node is, and ask again",
        ),
    }
}

/// The finding about the blocks that the node keeps; ingest needs those of three hours.
pub fn blocks(answers: &Answers) -> Finding {
    match &answers.chain {
        Err(failure) => untold(BLOCKS, failure),
        Ok(info) => Finding::ok(
            BLOCKS,
            match info.prune_height {
                Some(lowest) => {
                    let lowest = grouped(lowest.into());
                    format!("the node prunes, and keeps those from {lowest} on")
                }
                None => "the node keeps all".to_owned(),
            },
        ),
    }
}

/// The finding of a question that had no answer, among several.
pub fn untold(name: &'static str, failure: &Failure) -> Finding {
    let why = match failure.is_forbidden() {
        true => format!("see {METHODS}"),
        false => failure.to_string(),
    };
    Finding::unknown(name, why)
}

/// Whether an answer failed because the node has no such method.
pub fn has_no_method<T>(answer: &Answer<T>) -> bool {
    answer
        .as_ref()
        .is_err_and(|failure| failure.code() == Some(NO_METHOD))
}

/// A number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
