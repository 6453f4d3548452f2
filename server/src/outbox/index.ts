/** The sending engine's public face: what the rest of the program may use of it. */
export type { SenderStatus, SendingDevice } from './device-sender.ts';
export { type DirectSend, sendDirect } from './direct.ts';
export { Engine, type EngineOptions } from './engine.ts';
export type { JobContent } from './job-content.ts';
export {
  allowedActions,
  cancelJob,
  type JobVerb,
  pauseJob,
  resumeAll,
  resumeJob,
  stopAll,
} from './job-verbs.ts';
export { type ListedMessage, listMessages, type MessageFilter } from './message-list.ts';
export { getMessage, type MessageView } from './message-view.ts';
export { pruneNumberChecks } from './number-checks.ts';
export type { Caps, DelayRule } from './pacing.ts';
export { type Audience, createJob, type NewJob, planJob } from './plan.ts';
export { setSendWindow } from './policy/calendars.ts';
export type { FailingJob } from './policy/device-doctor.ts';
export type { EngineLimits } from './policy/limits.ts';
export type { FailureReasonCount } from './policy/outcomes.ts';
export type { RecipientGate, RecipientRules, RecipientWait } from './policy/recipients.ts';
export type { SendWindow } from './policy/send-window.ts';
export { type RetryResult, type RetryScope, retryFailed } from './retry.ts';
export { pruneSendCounts } from './send-counts.ts';
export type { SettledMessage } from './settle.ts';
export { chooseDevices } from './sources.ts';
export {
  auditLedger,
  countLiveMessages,
  type Imbalance,
  type JobReport,
  reportJob,
  type StatusCounts,
} from './statistics.ts';
export { parseTemplate } from './template.ts';
export { sendTest } from './test-send.ts';
export { defaultTimings, type EngineTimings } from './timings.ts';
export { type FailureReason, type MessageStatus, messageStatuses, type SkipReason } from './transition.ts';
export { type JobWait, whyWaiting } from './waiting.ts';
export { type MessageWait, whyMessageWaits } from './why-waits.ts';
