//! What an agent's failure means for its attempt.

use baton_agents::{Failure, FailureKind};
use baton_core::run::event::{AttemptEnd, ErrorCode, StepError, StepOutput};

/// The end of an attempt whose agent failed so. `resumed`: it was to go on in an earlier session.
pub fn of_failure(failure: &Failure, output: StepOutput, resumed: bool) -> AttemptEnd {
    let detail = failure.message.clone();
    match &failure.kind {
        FailureKind::UsageLimit { resets_at } => AttemptEnd::UsageLimit {
            resets_at: *resets_at,
            detail,
        },
        FailureKind::SessionLost if resumed => AttemptEnd::SessionLost { detail },
        kind => AttemptEnd::Failed {
            error: StepError {
                code: code(kind),
                message: detail,
            },
            output,
        },
    }
}

fn code(kind: &FailureKind) -> ErrorCode {
    match kind {
        FailureKind::NotLoggedIn | FailureKind::BadKey | FailureKind::NoCredit => {
            ErrorCode::AgentLogin
        }
        FailureKind::UnknownModel | FailureKind::Root | FailureKind::Directory => {
            ErrorCode::AgentSetup
        }
        FailureKind::UsageLimit { .. } => ErrorCode::UsageLimit,
        FailureKind::Api { .. } | FailureKind::Refused => ErrorCode::AgentService,
        FailureKind::ContextFull | FailureKind::MaxTurns | FailureKind::Budget => {
            ErrorCode::AgentLimit
        }
        FailureKind::SessionLost
        | FailureKind::SessionInUse
        | FailureKind::NoResult
        | FailureKind::Protocol
        | FailureKind::Other => ErrorCode::AgentNoResult,
    }
}
