CREATE TABLE "matrix_proposal" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"digest" text NOT NULL,
	"document" text NOT NULL,
	"source" text NOT NULL,
	"texts" text,
	"version" text NOT NULL,
	"change" text,
	"note" text,
	"note_salt" "bytea",
	"base" text,
	"proposed_by" text,
	"proposed_at" timestamp (3) with time zone NOT NULL,
	"state" text NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"closed_by" text
);
--> statement-breakpoint
CREATE TABLE "matrix_signature" (
	"tenant" text NOT NULL,
	"proposal" text NOT NULL,
	"party" text NOT NULL,
	"person" text NOT NULL,
	"squad" text NOT NULL,
	"document" text NOT NULL,
	"authenticated_at" timestamp (3) with time zone NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "matrix_signature_proposal_party_pk" PRIMARY KEY("proposal","party")
);
--> statement-breakpoint
ALTER TABLE "person" ADD COLUMN "verified_email" text;--> statement-breakpoint
ALTER TABLE "tenant" ADD COLUMN "proposal" text;--> statement-breakpoint
ALTER TABLE "tenant" ADD COLUMN "unsigned_in_force" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "tenant" ADD COLUMN "document" text;--> statement-breakpoint
ALTER TABLE "tenant" ADD COLUMN "installation" text;--> statement-breakpoint
ALTER TABLE "tenant" ADD COLUMN "bindings" jsonb;--> statement-breakpoint
CREATE INDEX "matrix_proposal_by_tenant" ON "matrix_proposal" USING btree ("tenant","proposed_at");--> statement-breakpoint
ALTER TABLE "matrix_proposal" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "matrix_proposal" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "matrix_proposal" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
--> statement-breakpoint
ALTER TABLE "matrix_signature" ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE "matrix_signature" FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY "tenants_apart" ON "matrix_signature" USING ("tenant" = ANY (string_to_array(current_setting('app.tenants', true), ',')));
