CREATE TABLE "device_sign_in" (
	"device" text PRIMARY KEY NOT NULL,
	"user_code" text NOT NULL,
	"client" text NOT NULL,
	"address" text NOT NULL,
	"network" text NOT NULL,
	"user_agent" text,
	"label" text,
	"party" text,
	"interval_seconds" integer NOT NULL,
	"polled_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"state" text NOT NULL,
	"person" text,
	"token" text,
	"token_until" timestamp (3) with time zone,
	"authenticated_at" timestamp (3) with time zone,
	CONSTRAINT "device_sign_in_user_code_unique" UNIQUE("user_code")
);
--> statement-breakpoint
CREATE TABLE "wrong_device_code" (
	"id" text PRIMARY KEY NOT NULL,
	"person" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "token" ALTER COLUMN "session" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "token" ADD COLUMN "client" text;--> statement-breakpoint
ALTER TABLE "token" ADD COLUMN "address" text;--> statement-breakpoint
ALTER TABLE "token" ADD COLUMN "authenticated_at" timestamp (3) with time zone;--> statement-breakpoint
-- Which sign-in an earlier token stems from was not kept: none counts as fresh.
UPDATE "token" SET "authenticated_at" = 'epoch';--> statement-breakpoint
ALTER TABLE "token" ALTER COLUMN "authenticated_at" SET NOT NULL;--> statement-breakpoint
CREATE INDEX "device_sign_in_by_network" ON "device_sign_in" USING btree ("network");--> statement-breakpoint
CREATE INDEX "device_sign_in_by_person" ON "device_sign_in" USING btree ("person");--> statement-breakpoint
CREATE INDEX "wrong_device_code_by_time" ON "wrong_device_code" USING btree ("at");