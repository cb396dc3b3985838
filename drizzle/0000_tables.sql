CREATE TABLE "approval" (
	"request" text NOT NULL,
	"place" text NOT NULL,
	"person" text NOT NULL,
	"answer" text NOT NULL,
	"reason" text,
	"reason_salt" "bytea",
	"digest" text NOT NULL,
	"revision" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "approval_request_digest_place_pk" PRIMARY KEY("request","digest","place")
);
--> statement-breakpoint
CREATE TABLE "certificate_authority" (
	"tenant" text NOT NULL,
	"protocol" text NOT NULL,
	"public_key" text NOT NULL,
	"sealed" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "certificate_authority_tenant_protocol_pk" PRIMARY KEY("tenant","protocol")
);
--> statement-breakpoint
CREATE TABLE "email_binding" (
	"issuer" text NOT NULL,
	"email" text NOT NULL,
	"person" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "email_binding_issuer_email_pk" PRIMARY KEY("issuer","email")
);
--> statement-breakpoint
CREATE TABLE "checkpoint" (
	"tenant" text NOT NULL,
	"size" bigint NOT NULL,
	"note" text NOT NULL,
	"edge" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "checkpoint_tenant_size_pk" PRIMARY KEY("tenant","size")
);
--> statement-breakpoint
CREATE TABLE "access_grant" (
	"id" text PRIMARY KEY NOT NULL,
	"request" text NOT NULL,
	"tenant" text NOT NULL,
	"person" text NOT NULL,
	"party" text NOT NULL,
	"target" text NOT NULL,
	"protocol" text NOT NULL,
	"role" text NOT NULL,
	"cell" text NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"ends_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"end_reason" text,
	CONSTRAINT "access_grant_request_unique" UNIQUE("request")
);
--> statement-breakpoint
CREATE TABLE "host_key" (
	"tenant" text NOT NULL,
	"target" text NOT NULL,
	"public_key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"pinned_by" text NOT NULL,
	"pinned_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "host_key_tenant_target_fingerprint_pk" PRIMARY KEY("tenant","target","fingerprint")
);
--> statement-breakpoint
CREATE TABLE "log_entry" (
	"tenant" text NOT NULL,
	"seq" bigint NOT NULL,
	"entry" uuid NOT NULL,
	"action" text NOT NULL,
	"actor" text NOT NULL,
	"subject" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"line" text NOT NULL,
	"leaf" "bytea" NOT NULL,
	CONSTRAINT "log_entry_tenant_seq_pk" PRIMARY KEY("tenant","seq"),
	CONSTRAINT "log_entry_entry_unique" UNIQUE("entry")
);
--> statement-breakpoint
CREATE TABLE "log_head" (
	"tenant" text PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "matrix_version" (
	"tenant" text NOT NULL,
	"digest" text NOT NULL,
	"version" text NOT NULL,
	"source" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "matrix_version_tenant_digest_pk" PRIMARY KEY("tenant","digest")
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"channel" text NOT NULL,
	"message" jsonb NOT NULL,
	"while_waiting" text,
	"about" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"done_at" timestamp (3) with time zone,
	"outcome" text,
	"last_error" text
);
--> statement-breakpoint
CREATE TABLE "person" (
	"id" text PRIMARY KEY NOT NULL,
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"name" text NOT NULL,
	"email" text,
	"bound_email" text,
	"groups" jsonb NOT NULL,
	"claims" jsonb NOT NULL,
	"authenticated_at" timestamp (3) with time zone NOT NULL,
	"signed_in_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "request" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"person" text NOT NULL,
	"party" text NOT NULL,
	"target" text NOT NULL,
	"activity" text,
	"protocol" text NOT NULL,
	"role" text NOT NULL,
	"seconds" integer NOT NULL,
	"reason" text NOT NULL,
	"reason_salt" "bytea" NOT NULL,
	"ticket" text,
	"severity" text,
	"starts_at" timestamp (3) with time zone,
	"revision" integer NOT NULL,
	"decision" jsonb NOT NULL,
	"display" jsonb,
	"state" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"decided_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "session" (
	"id" text PRIMARY KEY NOT NULL,
	"access_grant" text NOT NULL,
	"tenant" text NOT NULL,
	"person" text NOT NULL,
	"target" text NOT NULL,
	"protocol" text NOT NULL,
	"role" text NOT NULL,
	"kind" text NOT NULL,
	"command" text,
	"command_salt" "bytea",
	"address" text NOT NULL,
	"gateway" text NOT NULL,
	"recording" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"deadline" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"end_reason" text,
	"cut_delay_ms" integer,
	"exit_status" integer,
	"bytes_in" bigint,
	"bytes_out" bigint,
	"recording_size" bigint,
	"recording_sha256" text,
	"recording_segments" integer
);
--> statement-breakpoint
CREATE TABLE "sign_in_attempt" (
	"state" text PRIMARY KEY NOT NULL,
	"issuer" text NOT NULL,
	"browser" text NOT NULL,
	"nonce" text NOT NULL,
	"verifier" text NOT NULL,
	"max_age" integer,
	"return_to" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ssh_key" (
	"fingerprint" text PRIMARY KEY NOT NULL,
	"person" text NOT NULL,
	"type" text NOT NULL,
	"public_key" text NOT NULL,
	"label" text NOT NULL,
	"added_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ssh_sign_in" (
	"id" text PRIMARY KEY NOT NULL,
	"code" text NOT NULL,
	"username" text NOT NULL,
	"address" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"person" text,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tenant" (
	"id" text PRIMARY KEY NOT NULL,
	"matrix" text NOT NULL,
	"locked_out_at" timestamp (3) with time zone,
	"locked_out_by" text,
	"lockout_reason" text,
	"lockout_salt" "bytea"
);
--> statement-breakpoint
CREATE TABLE "token" (
	"id" text PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"person" text NOT NULL,
	"session" text NOT NULL,
	"label" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "token_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "web_session" (
	"id" text PRIMARY KEY NOT NULL,
	"person" text NOT NULL,
	"id_token" text,
	"authenticated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "approval_one_place_a_person" ON "approval" USING btree ("request","digest","person");--> statement-breakpoint
CREATE INDEX "grant_by_person" ON "access_grant" USING btree ("person","ends_at");--> statement-breakpoint
CREATE INDEX "grant_open" ON "access_grant" USING btree ("ended_at","ends_at");--> statement-breakpoint
CREATE INDEX "log_by_subject" ON "log_entry" USING btree ("tenant","subject","seq");--> statement-breakpoint
CREATE INDEX "outbox_due" ON "outbox" USING btree ("done_at","due_at");--> statement-breakpoint
CREATE UNIQUE INDEX "person_identity" ON "person" USING btree ("issuer","subject");--> statement-breakpoint
CREATE INDEX "request_by_person" ON "request" USING btree ("person","created_at");--> statement-breakpoint
CREATE INDEX "request_by_state" ON "request" USING btree ("state","expires_at");--> statement-breakpoint
CREATE INDEX "request_by_tenant" ON "request" USING btree ("tenant","created_at");--> statement-breakpoint
CREATE INDEX "session_by_grant" ON "session" USING btree ("access_grant");--> statement-breakpoint
CREATE INDEX "session_by_tenant" ON "session" USING btree ("tenant","started_at");